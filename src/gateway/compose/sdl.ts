// One service's SDL, checked alone before it meets the others: size, number of types, syntax, and the rules that hold for a
// single schema. Plain GraphQL services lose their directives (they mean nothing to us) and what only a federation server
// would add, and then compose in the manner of Federation 1. Invariant: an SDL that fails here never reaches the composer.

import {
  buildASTSchema,
  Kind,
  parse,
  validateSchema,
  visit,
  type DefinitionNode,
  type DocumentNode,
} from "graphql";
import { validateSubgraph } from "@theguild/federation-composition";
import type { SubgraphSdl } from "./message.ts";

/** A schema of 2 MiB has about 20,000 fields; the largest public ones (GitHub) have 1.4 MiB. */
export const SDL_BYTES_MAX = 2 * 1024 * 1024;
export const SDL_TOKENS_MAX = 500_000;
export const SDL_TYPES_MAX = 5_000;
export const SDL_FIELDS_MAX = 50_000;

export type Checked =
  | { readonly ok: true; readonly document: DocumentNode }
  | {
      readonly ok: false;
      readonly code: "ERR_SCHEMA_INVALID" | "ERR_SCHEMA_TOO_LARGE";
      readonly text: string;
    };

const KEPT_DIRECTIVES = new Set(["deprecated", "specifiedBy", "oneOf"]);
const FEDERATION_TYPES = new Set(["_Service", "_Entity", "_Any"]);
const FEDERATION_FIELDS = new Set(["_service", "_entities"]);

export function checkSdl(service: SubgraphSdl): Checked {
  if (Buffer.byteLength(service.sdl) > SDL_BYTES_MAX) {
    return tooLarge(`the schema is larger than ${SDL_BYTES_MAX} bytes`);
  }
  try {
    const parsed = parse(service.sdl, { noLocation: true, maxTokens: SDL_TOKENS_MAX });
    const size = countTypes(parsed);
    if (size.types > SDL_TYPES_MAX) return tooLarge(`the schema has more than ${SDL_TYPES_MAX} types`);
    if (size.fields > SDL_FIELDS_MAX) return tooLarge(`the schema has more than ${SDL_FIELDS_MAX} fields`);
    const kind = service.kind ?? kindOf(parsed);
    const document = renameRoots(kind === "graphql" ? plain(parsed) : parsed);
    const problem = kind === "graphql" ? plainProblem(document) : federationProblem(service.name, document);
    return problem === undefined ? { ok: true, document } : bad(problem);
  } catch (error) {
    const text = error instanceof Error ? error.message : "unreadable";
    return /tokens\. Parsing aborted/.test(text) ? tooLarge(text) : bad(text);
  }
}

/**
 * What a schema says of its own kind. Introspection, from which the schema of a plain service is printed, shows no directives but
 * those of GraphQL itself, and nothing that extends; so whoever uses others speaks of federation.
 */
function kindOf(document: DocumentNode): "federation" | "graphql" {
  let kind: "federation" | "graphql" = "graphql";
  for (const definition of document.definitions)
    if (definition.kind.endsWith("Extension")) kind = "federation";
  visit(document, {
    Directive: ({ name }) => void (kind = KEPT_DIRECTIVES.has(name.value) ? kind : "federation"),
  });
  return kind;
}

function countTypes(document: DocumentNode): { types: number; fields: number } {
  let types = 0;
  let fields = 0;
  for (const definition of document.definitions) {
    types += 1;
    if ("fields" in definition) fields += definition.fields?.length ?? 0;
    if ("values" in definition) fields += definition.values?.length ?? 0;
  }
  return { types, fields };
}

/** Without directives, and without what federation servers show in their introspection. */
function plain(document: DocumentNode): DocumentNode {
  return visit(document, {
    Directive: (node) => (KEPT_DIRECTIVES.has(node.name.value) ? undefined : null),
    DirectiveDefinition: () => null,
    SchemaExtension: (node) => (node.operationTypes?.length ? undefined : null),
    FieldDefinition: (node) => (FEDERATION_FIELDS.has(node.name.value) ? null : undefined),
    ObjectTypeDefinition: (node) => (FEDERATION_TYPES.has(node.name.value) ? null : undefined),
    UnionTypeDefinition: (node) => (FEDERATION_TYPES.has(node.name.value) ? null : undefined),
    ScalarTypeDefinition: (node) => (FEDERATION_TYPES.has(node.name.value) ? null : undefined),
  });
}

function plainProblem(document: DocumentNode): string | undefined {
  // A new object: graphql-js caches on the definitions it is given.
  const schema = buildASTSchema(document);
  return validateSchema(schema)[0]?.message;
}

function federationProblem(name: string, typeDefs: DocumentNode): string | undefined {
  return validateSubgraph({ name, typeDefs })[0]?.message.replace(`[${name}] `, "");
}

/** The composed graph calls its roots Query and Mutation; a field that returns a root must follow. */
function renameRoots(document: DocumentNode): DocumentNode {
  const names = new Map<string, string>();
  for (const definition of document.definitions) {
    if (definition.kind !== "SchemaDefinition" && definition.kind !== "SchemaExtension") continue;
    for (const { operation, type } of definition.operationTypes ?? []) {
      const standard = `${operation[0]?.toUpperCase() ?? ""}${operation.slice(1)}`;
      if (type.name.value !== standard) names.set(type.name.value, standard);
    }
  }
  if (names.size === 0) return document;
  const taken = document.definitions.some(
    (definition: DefinitionNode) =>
      "name" in definition && [...names.values()].includes(definition.name?.value ?? ""),
  );
  // Somebody's ordinary type is called Query: leave it to the composer, which says what is wrong.
  if (taken) return document;
  const rename = <Node extends { readonly name: { readonly value: string } }>(
    node: Node,
  ): Node | undefined => {
    const to = names.get(node.name.value);
    return to === undefined ? undefined : { ...node, name: { kind: Kind.NAME, value: to } };
  };
  return visit(document, {
    NamedType: rename,
    ObjectTypeDefinition: { leave: rename },
    ObjectTypeExtension: { leave: rename },
  });
}

const bad = (text: string): Checked => ({
  ok: false,
  code: "ERR_SCHEMA_INVALID",
  text: text.slice(0, 1_000),
});
const tooLarge = (text: string): Checked => ({ ok: false, code: "ERR_SCHEMA_TOO_LARGE", text });
