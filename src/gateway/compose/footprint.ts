// What of a service's schema others can meet: its type names and its root fields. Services whose footprints have nothing in common
// compose apart as they do together; so do those that have in common only scalars, enums and inputs that are the same to the letter.
// Invariant: where that is not certain the footprint says so, and the service is composed with all others: it names a root type in a
// field, puts directives on one, or defines directives for queries.

import {
  type ConstDirectiveNode,
  type DefinitionNode,
  type DocumentNode,
  type SchemaDefinitionNode,
  type SchemaExtensionNode,
  print,
  visit,
} from "graphql";

export interface Footprint {
  /** Types. */
  readonly names: readonly string[];
  /** Types that mean the same wherever they have the same text: scalars such as DateTime are in most schemas. */
  readonly values: ReadonlyMap<string, string>;
  /** Of root types, as "Query.field". */
  readonly fields: readonly string[];
  /** Whether it means the same composed without the others. */
  readonly apart: boolean;
}

const ROOTS: ReadonlySet<string> = new Set(["Query", "Mutation", "Subscription"]);
/** Locations in queries; other directives are no part of the graph, unless they are composed. */
const EXECUTABLE = /^(QUERY|MUTATION|SUBSCRIPTION|FIELD|FRAGMENT_\w+|INLINE_FRAGMENT|VARIABLE_DEFINITION)$/;
const VALUES = /^(Scalar|Enum|InputObject)TypeDefinition$/;
const VALUE_DIRECTIVES = /@(?!(deprecated|specifiedBy|oneOf)\b)/;
const HARMLESS = /^(federation__)?(shareable|extends)$/;

const known = new WeakMap<DocumentNode, Footprint>();

export function footprint(document: DocumentNode): Footprint {
  const before = known.get(document);
  if (before !== undefined) return before;
  const names: string[] = [];
  const fields: string[] = [];
  const values = new Map<string, string>();
  for (const definition of document.definitions) {
    if (!("name" in definition) || definition.name === undefined) continue;
    const name = definition.name.value;
    if (definition.kind === "DirectiveDefinition") continue;
    if (!ROOTS.has(name)) {
      const text = VALUES.test(definition.kind) ? print(definition) : "@";
      if (VALUE_DIRECTIVES.test(text)) names.push(name);
      else values.set(name, text);
    } else if ("fields" in definition)
      for (const field of definition.fields ?? []) fields.push(`${name}.${field.name.value}`);
  }
  const found = {
    names,
    values,
    fields,
    apart: document.definitions.every(standsApart) && !reachesRoot(document),
  };
  known.set(document, found);
  return found;
}

function standsApart(definition: DefinitionNode): boolean {
  switch (definition.kind) {
    case "SchemaDefinition":
    case "SchemaExtension":
      return plainSchema(definition);
    case "DirectiveDefinition":
      return !definition.locations.some(({ value }) => EXECUTABLE.test(value));
    case "ObjectTypeDefinition":
    case "ObjectTypeExtension":
      return (
        !ROOTS.has(definition.name.value) ||
        ((definition.interfaces ?? []).length === 0 && all(definition.directives, HARMLESS))
      );
    default:
      return !("name" in definition && ROOTS.has(definition.name?.value ?? ""));
  }
}

/** Names the roots as they are named in the graph, and composes no directives of its own. */
function plainSchema({ operationTypes, directives }: SchemaDefinitionNode | SchemaExtensionNode): boolean {
  const named = (operationTypes ?? []).every(
    ({ operation, type }) => type.name.value.toLowerCase() === operation && ROOTS.has(type.name.value),
  );
  return named && all(directives, /^link$/);
}

const all = (directives: readonly ConstDirectiveNode[] | undefined, names: RegExp): boolean =>
  (directives ?? []).every(({ name }) => names.test(name.value));

/** Through such a field one gets to root fields of every service. */
function reachesRoot(document: DocumentNode): boolean {
  let reaches = false;
  visit(document, {
    SchemaDefinition: () => false,
    SchemaExtension: () => false,
    NamedType: (node) => void (reaches ||= ROOTS.has(node.name.value)),
  });
  return reaches;
}
