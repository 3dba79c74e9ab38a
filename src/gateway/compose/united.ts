// A field that is a union in one service and one of its members in another: the composer takes the type of whichever comes first.
// It must be the union, and each service must be asked by the type it has itself, which the supergraph says in
// `@join__field(type:)`. Invariant: a field whose types agree is never touched.

import {
  Kind,
  print,
  type ConstArgumentNode,
  type ConstDirectiveNode,
  type DocumentNode,
  type FieldDefinitionNode,
  type TypeNode,
} from "graphql";
import type { Subgraph } from "./composer.ts";

interface Place {
  readonly service: string;
  /** As the service writes it. */
  readonly type: string;
}

export interface United {
  readonly union: string;
  readonly places: readonly Place[];
}

/** "Type.field" to what it must be. */
export type UnitedFields = ReadonlyMap<string, United>;

export function unitedFields(subgraphs: readonly Subgraph[]): UnitedFields {
  const members = unionsOf(subgraphs);
  const united = new Map<string, United>();
  if (members.size === 0) return united;
  const seen = new Map<string, (Place & { readonly named: string })[]>();
  for (const { name: service, document } of subgraphs) {
    for (const { type, field } of fieldsOf(document)) {
      if (field.directives?.some(({ name }) => /^(federation__)?external$/.test(name.value))) continue;
      const key = `${type}.${field.name.value}`;
      const place = { service, type: print(field.type), named: namedType(field.type) };
      const known = seen.get(key);
      if (known === undefined) seen.set(key, [place]);
      else known.push(place);
    }
  }
  for (const [key, places] of seen) {
    const union = places.find(({ named }) => members.has(named))?.named;
    if (union === undefined || places.every(({ named }) => named === union)) continue;
    if (places.every(({ named }) => named === union || members.get(union)?.has(named) === true))
      united.set(key, { union, places });
  }
  return united;
}

/** The field with the union as its type; with `graphs` also who has it as what. */
export function unitedField(
  field: FieldDefinitionNode,
  { union, places }: United,
  graphs?: ReadonlyMap<string, string>,
): FieldDefinitionNode {
  const type = withNamed(field.type, union);
  if (graphs === undefined) return { ...field, type };
  const joins = places.flatMap(({ service, type: own }): ConstDirectiveNode[] => {
    const graph = graphs.get(service);
    return graph === undefined ? [] : [joinOf(field, graph, own)];
  });
  const written = new Set(places.map(({ service }) => graphs.get(service)));
  const others = (field.directives ?? []).filter((directive) => !written.has(graphOf(directive)));
  return { ...field, type, directives: [...others, ...joins] };
}

/** Of a `@join__field`. */
function graphOf({ name, arguments: given }: ConstDirectiveNode): string | undefined {
  const value = given?.find((argument) => argument.name.value === "graph")?.value;
  return name.value === "join__field" && value?.kind === "EnumValue" ? value.value : undefined;
}

function joinOf(field: FieldDefinitionNode, graph: string, type: string): ConstDirectiveNode {
  const known = (field.directives ?? []).find((directive) => graphOf(directive) === graph);
  const kept = (known?.arguments ?? []).filter(({ name }) => name.value !== "graph" && name.value !== "type");
  const argument = (name: string, value: ConstArgumentNode["value"]): ConstArgumentNode => ({
    kind: Kind.ARGUMENT,
    name: { kind: Kind.NAME, value: name },
    value,
  });
  return {
    kind: Kind.DIRECTIVE,
    name: { kind: Kind.NAME, value: "join__field" },
    arguments: [
      argument("graph", { kind: Kind.ENUM, value: graph }),
      argument("type", { kind: Kind.STRING, value: type }),
      ...kept,
    ],
  };
}

function unionsOf(subgraphs: readonly Subgraph[]): Map<string, Set<string>> {
  const unions = new Map<string, Set<string>>();
  for (const { document } of subgraphs) {
    for (const definition of document.definitions) {
      if (definition.kind !== "UnionTypeDefinition" && definition.kind !== "UnionTypeExtension") continue;
      const members = unions.get(definition.name.value) ?? new Set<string>();
      unions.set(definition.name.value, members);
      for (const { name } of definition.types ?? []) members.add(name.value);
    }
  }
  return unions;
}

function* fieldsOf(document: DocumentNode): Iterable<{ type: string; field: FieldDefinitionNode }> {
  for (const definition of document.definitions) {
    switch (definition.kind) {
      case "ObjectTypeDefinition":
      case "ObjectTypeExtension":
      case "InterfaceTypeDefinition":
      case "InterfaceTypeExtension":
        for (const field of definition.fields ?? []) yield { type: definition.name.value, field };
        break;
      default:
    }
  }
}

const namedType = (type: TypeNode): string =>
  type.kind === "NamedType" ? type.name.value : namedType(type.type);

function withNamed<Type extends TypeNode>(type: Type, name: string): Type {
  if (type.kind === "NamedType") return { ...type, name: { kind: Kind.NAME, value: name } };
  return { ...type, type: withNamed(type.type, name) };
}
