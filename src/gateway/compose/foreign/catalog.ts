// A foreign schema read into a table of types: definitions and `extend`s of one name joined, directives reduced to the list of
// docs/internals/gateway.md section 6, descriptions bounded, names that start with "_" left out. What the peer's own graph would
// not show or not resolve here (`@inaccessible`, `@external`, `@requires`) is marked and goes, unless it is part of a key.
// Invariant: no directive node of the peer leaves this file; what is kept is written anew.

import {
  Kind,
  type ConstDirectiveNode,
  type DefinitionNode,
  type DocumentNode,
  type EnumValueDefinitionNode,
  type FieldDefinitionNode,
  type InputValueDefinitionNode,
  type StringValueNode,
} from "graphql";
import { canonical, directiveAliases, stringArgument, written } from "./directives.ts";
import { FOREIGN_LIMITS } from "./limits.ts";
import { Refusal } from "./refusal.ts";

export type TypeKind = "object" | "interface" | "union" | "enum" | "input" | "scalar";

export interface ForeignKey {
  readonly fields: string;
  readonly resolvable: boolean;
}

export interface ForeignType {
  readonly name: string;
  readonly kind: TypeKind;
  defined: boolean;
  description: StringValueNode | undefined;
  /** Of objects and interfaces. */
  fields: Map<string, FieldDefinitionNode>;
  /** Fields that stay only as part of a key. */
  readonly doubtful: Set<string>;
  /** Of input types. */
  inputs: Map<string, InputValueDefinitionNode>;
  readonly values: Map<string, EnumValueDefinitionNode>;
  members: Set<string>;
  interfaces: Set<string>;
  keys: ForeignKey[];
  shareable: boolean;
  hidden: boolean;
  /** `@specifiedBy` and `@oneOf`. */
  readonly kept: ConstDirectiveNode[];
}

export interface Catalog {
  readonly types: Map<string, ForeignType>;
  /** Their names of the root types. */
  readonly roots: { query: string; mutation: string; subscription: string };
  /** Says itself who may share what; otherwise everything is shareable, as in Federation 1. */
  readonly federation2: boolean;
}

const KINDS: Readonly<Partial<Record<DefinitionNode["kind"], TypeKind>>> = {
  ObjectTypeDefinition: "object",
  ObjectTypeExtension: "object",
  InterfaceTypeDefinition: "interface",
  InterfaceTypeExtension: "interface",
  UnionTypeDefinition: "union",
  UnionTypeExtension: "union",
  EnumTypeDefinition: "enum",
  EnumTypeExtension: "enum",
  InputObjectTypeDefinition: "input",
  InputObjectTypeExtension: "input",
  ScalarTypeDefinition: "scalar",
  ScalarTypeExtension: "scalar",
};

/** What `@link` brings into a schema. */
const LIBRARY = /^(link|federation)__/;

export function catalogOf(document: DocumentNode): Catalog {
  const { aliases, federation2 } = directiveAliases(document);
  const roots = { query: "Query", mutation: "Mutation", subscription: "Subscription" };
  const types = new Map<string, ForeignType>();
  for (const definition of document.definitions) {
    if (definition.kind === "SchemaDefinition" || definition.kind === "SchemaExtension") {
      for (const { operation, type } of definition.operationTypes ?? []) roots[operation] = type.name.value;
      continue;
    }
    const kind = KINDS[definition.kind];
    if (kind === undefined) {
      if (definition.kind === "DirectiveDefinition") continue;
      throw new Refusal("ERR_SCHEMA_INVALID", `it holds something that is no type: ${definition.kind}`);
    }
    add(types, definition as TypeNode, kind, aliases);
  }
  return { types, roots, federation2 };
}

/** What all kinds of definitions have, and what some have. */
interface TypeNode {
  readonly kind: DefinitionNode["kind"];
  readonly name: { readonly value: string };
  readonly description?: StringValueNode;
  readonly directives?: readonly ConstDirectiveNode[];
  readonly fields?: readonly (FieldDefinitionNode | InputValueDefinitionNode)[];
  readonly interfaces?: readonly { readonly name: { readonly value: string } }[];
  readonly types?: readonly { readonly name: { readonly value: string } }[];
  readonly values?: readonly EnumValueDefinitionNode[];
}

type Aliases = ReadonlyMap<string, string>;

function add(types: Map<string, ForeignType>, node: TypeNode, kind: TypeKind, aliases: Aliases): void {
  const name = node.name.value;
  if (name.startsWith("_") || LIBRARY.test(name)) return;
  const type = types.get(name) ?? emptyType(name, kind);
  types.set(name, type);
  if (type.kind !== kind) throw invalid(`type "${name}" is of two kinds`);
  if (node.kind.endsWith("Definition")) {
    if (type.defined) throw invalid(`type "${name}" is defined twice`);
    type.defined = true;
    type.description = bounded(node.description);
  }
  for (const directive of node.directives ?? []) typeDirective(type, directive, aliases);
  for (const { name: one } of node.interfaces ?? []) type.interfaces.add(one.value);
  for (const { name: one } of node.types ?? []) type.members.add(one.value);
  for (const value of node.values ?? []) {
    if (value.name.value.startsWith("_") || names(value.directives, aliases).has("inaccessible")) continue;
    type.values.set(value.name.value, {
      ...bare(value, aliases),
      kind: Kind.ENUM_VALUE_DEFINITION,
    });
  }
  for (const field of node.fields ?? []) addField(type, field, aliases);
}

function addField(
  type: ForeignType,
  field: FieldDefinitionNode | InputValueDefinitionNode,
  aliases: Aliases,
): void {
  const name = field.name.value;
  if (field.kind === Kind.INPUT_VALUE_DEFINITION) {
    type.inputs.set(name, inputOf(field, aliases));
    return;
  }
  if (name.startsWith("_")) return;
  if (type.fields.has(name)) throw invalid(`field "${type.name}.${name}" is defined twice`);
  const said = names(field.directives, aliases);
  if (said.has("external") || said.has("requires") || said.has("inaccessible")) type.doubtful.add(name);
  const shareable = said.has("shareable") ? [written("shareable")] : [];
  const plain = bare(field, aliases);
  type.fields.set(name, {
    ...plain,
    kind: Kind.FIELD_DEFINITION,
    type: field.type,
    arguments: (field.arguments ?? []).map((argument) => inputOf(argument, aliases)),
    directives: [...(plain.directives ?? []), ...shareable],
  });
}

function inputOf(node: InputValueDefinitionNode, aliases: Aliases): InputValueDefinitionNode {
  return {
    ...bare(node, aliases),
    kind: Kind.INPUT_VALUE_DEFINITION,
    type: node.type,
    ...(node.defaultValue === undefined ? {} : { defaultValue: node.defaultValue }),
  };
}

interface Described {
  readonly name: FieldDefinitionNode["name"];
  readonly description?: StringValueNode | undefined;
  readonly directives?: readonly ConstDirectiveNode[] | undefined;
}

/** Name, bounded description, `@deprecated`. */
function bare({ name, description, directives }: Described, aliases: Aliases) {
  const text = bounded(description);
  const deprecated = directives?.find((one) => canonical(one.name.value, aliases) === "deprecated");
  return {
    name,
    ...(text === undefined ? {} : { description: text }),
    directives:
      deprecated === undefined
        ? []
        : [
            written("deprecated", {
              reason: stringArgument(deprecated, "reason")?.slice(0, FOREIGN_LIMITS.text),
            }),
          ],
  };
}

function typeDirective(type: ForeignType, directive: ConstDirectiveNode, aliases: Aliases): void {
  switch (canonical(directive.name.value, aliases)) {
    case "key": {
      const fields = stringArgument(directive, "fields");
      const resolvable = directive.arguments?.find(({ name }) => name.value === "resolvable")?.value;
      const no = resolvable?.kind === Kind.BOOLEAN && !resolvable.value;
      // An entity interface would reach into the implementing types of others.
      if (fields !== undefined && type.kind === "object") type.keys.push({ fields, resolvable: !no });
      return;
    }
    case "shareable":
      type.shareable = true;
      return;
    case "inaccessible":
      type.hidden = true;
      return;
    case "specifiedBy": {
      const url = stringArgument(directive, "url");
      if (url !== undefined && type.kind === "scalar")
        type.kept.push(written("specifiedBy", { url: url.slice(0, FOREIGN_LIMITS.text) }));
      return;
    }
    case "oneOf":
      if (type.kind === "input") type.kept.push(written("oneOf"));
      return;
    default:
  }
}

function names(directives: readonly ConstDirectiveNode[] | undefined, aliases: Aliases): Set<string> {
  return new Set((directives ?? []).map(({ name }) => canonical(name.value, aliases)));
}

function bounded(description: StringValueNode | undefined): StringValueNode | undefined {
  if (description === undefined) return undefined;
  const { text } = FOREIGN_LIMITS;
  const { value } = description;
  return { kind: Kind.STRING, value: value.length > text ? `${value.slice(0, text)}…` : value };
}

const emptyType = (name: string, kind: TypeKind): ForeignType => ({
  name,
  kind,
  defined: false,
  description: undefined,
  fields: new Map(),
  doubtful: new Set(),
  inputs: new Map(),
  values: new Map(),
  members: new Set(),
  interfaces: new Set(),
  keys: [],
  shareable: false,
  hidden: false,
  kept: [],
});

const invalid = (text: string): Refusal => new Refusal("ERR_SCHEMA_INVALID", text);
