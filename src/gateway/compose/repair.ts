// Puts right what the composer gets wrong, in the texts it gives. (1) `@external` on a field of an interface object loses the pair
// of @join__field that says who owns it. (2) The API schema keeps hidden types as members of unions. (3) A field that is an object in
// one service and a union in another becomes the object (united.ts). Each repair has its test, and does nothing where the composer
// is right.

import { Kind, parse, print, visit, type DocumentNode, type FieldDefinitionNode } from "graphql";
import type { Subgraph } from "./composer.ts";
import { unitedField, unitedFields } from "./united.ts";

export function repair(supergraph: string, subgraphs: readonly Subgraph[]): string {
  const lost = lostExternals(subgraphs);
  const united = unitedFields(subgraphs);
  if (lost.size === 0 && united.size === 0) return supergraph;
  const parsed = parse(supergraph, { noLocation: true });
  const graphs = graphNames(parsed);
  const owner = { type: "" };
  const repaired = visit(parsed, {
    ObjectTypeDefinition: { enter: (node) => void (owner.type = node.name.value) },
    InterfaceTypeDefinition: { enter: (node) => void (owner.type = node.name.value) },
    FieldDefinition: (node) => {
      const place = `${owner.type}.${node.name.value}`;
      const union = united.get(place);
      if (union !== undefined) return unitedField(node, union, graphs);
      const places = lost.get(place);
      if (places === undefined || joined(node).length > 0) return undefined;
      const directives = places.flatMap(({ service, external }) => {
        const graph = graphs.get(service);
        return graph === undefined ? [] : [joinField(graph, external)];
      });
      return { ...node, directives: [...(node.directives ?? []), ...directives] };
    },
  });
  return print(repaired);
}

/** (2) The API schema keeps hidden types as members of unions that are not hidden themselves; (3) as above. */
export function repairApi(api: string, subgraphs: readonly Subgraph[] = []): string {
  const united = unitedFields(subgraphs);
  const parsed = parse(api, { noLocation: true });
  const defined = new Set(
    parsed.definitions.flatMap((definition) => ("name" in definition ? [definition.name?.value] : [])),
  );
  let changed = false;
  const known = <Node extends { readonly name: { readonly value: string } }>(node: Node): boolean => {
    const isKnown = defined.has(node.name.value);
    changed ||= !isKnown;
    return isKnown;
  };
  const fieldsIn = (type: string, fields: readonly FieldDefinitionNode[] = []): FieldDefinitionNode[] =>
    fields.map((field) => {
      const union = united.get(`${type}.${field.name.value}`);
      if (union === undefined || !defined.has(union.union)) return field;
      changed = true;
      return unitedField(field, union);
    });
  const repaired = visit(parsed, {
    UnionTypeDefinition: (node) => ({ ...node, types: (node.types ?? []).filter(known) }),
    ObjectTypeDefinition: (node) => ({
      ...node,
      interfaces: (node.interfaces ?? []).filter(known),
      fields: fieldsIn(node.name.value, node.fields),
    }),
    InterfaceTypeDefinition: (node) => ({
      ...node,
      interfaces: (node.interfaces ?? []).filter(known),
      fields: fieldsIn(node.name.value, node.fields),
    }),
  });
  return changed ? print(repaired) : api;
}

interface Place {
  readonly service: string;
  readonly external: boolean;
}

/** Fields that are external in an interface object, with everyone who defines them. */
function lostExternals(subgraphs: readonly Subgraph[]): Map<string, Place[]> {
  const places = new Map<string, Place[]>();
  const wanted = new Set<string>();
  for (const { name, document } of subgraphs) {
    for (const definition of document.definitions) {
      if (!("fields" in definition) || !("name" in definition)) continue;
      const interfaceObject = (definition.directives ?? []).some((directive) =>
        /^(federation__)?interfaceObject$/.test(directive.name.value),
      );
      for (const field of definition.fields ?? []) {
        const key = `${definition.name?.value ?? ""}.${field.name.value}`;
        const external = (field.directives ?? []).some((directive) =>
          /^(federation__)?external$/.test(directive.name.value),
        );
        places.set(key, [...(places.get(key) ?? []), { service: name, external }]);
        if (interfaceObject && external) wanted.add(key);
      }
    }
  }
  return new Map([...places].filter(([key, list]) => wanted.has(key) && list.length > 1));
}

/** Name of a service to its value of join__Graph. */
function graphNames(supergraph: DocumentNode): Map<string, string> {
  const names = new Map<string, string>();
  for (const definition of supergraph.definitions) {
    if (definition.kind !== "EnumTypeDefinition" || definition.name.value !== "join__Graph") continue;
    for (const value of definition.values ?? []) {
      const name = value.directives?.[0]?.arguments?.find(
        (argument) => argument.name.value === "name",
      )?.value;
      if (name?.kind === "StringValue") names.set(name.value, value.name.value);
    }
  }
  return names;
}

function joined(field: FieldDefinitionNode) {
  return (field.directives ?? []).filter((directive) => directive.name.value === "join__field");
}

function joinField(graph: string, external: boolean) {
  const name = (value: string) => ({ kind: Kind.NAME, value }) as const;
  return {
    kind: Kind.DIRECTIVE,
    name: name("join__field"),
    arguments: [
      { kind: Kind.ARGUMENT, name: name("graph"), value: { kind: Kind.ENUM, value: graph } },
      ...(external
        ? [
            {
              kind: Kind.ARGUMENT,
              name: name("external"),
              value: { kind: Kind.BOOLEAN, value: true },
            } as const,
          ]
        : []),
    ],
  } as const;
}
