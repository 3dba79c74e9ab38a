// The one way by which a schema of another organization becomes part of our graph: limits, reduction to the allowed directives,
// shared types against ours, what lost its ground, our names, nullable at the border (docs/internals/gateway.md section 6, in its
// order). Pure: equal input gives equal output. Invariants: names of ours appear in the result only as shared types, and there only
// with key fields in our form and fields that we do not have; the result is valid alone before it meets anything.

import { buildASTSchema, print, validateSchema, type DocumentNode } from "graphql";
import type { ForeignTerms } from "#rpc";
import type { Border } from "../../plan/border.ts";
import { catalogOf } from "./catalog.ts";
import { parseForeign } from "./limits.ts";
import { BorderNames } from "./names.ts";
import type { OwnGraph } from "./own.ts";
import { prune } from "./prune.ts";
import { Refusal } from "./refusal.ts";
import { reduceShared } from "./shared.ts";
import { writeForeign } from "./write.ts";

export interface Sanitized {
  readonly document: DocumentNode;
  /** What operations and answers need to cross the border. */
  readonly border: Border;
}

/** Throws `Refusal`. */
export function sanitize(sdl: string, terms: ForeignTerms, own: OwnGraph): Sanitized {
  const names = new BorderNames(terms);
  const catalog = catalogOf(parseForeign(sdl));
  const clash = terms.shared.find((name) => name.startsWith(names.typePrefix));
  if (clash !== undefined)
    throw new Refusal("ERR_SCHEMA_CONFLICT", `shared type "${clash}" begins with the prefix of its peer`);
  const scalars = reduceShared(catalog, terms.shared, own);
  prune(catalog, names);
  const document = writeForeign(catalog, names, scalars);
  if (catalog.types.size === 0) throw new Refusal("ERR_SCHEMA_INVALID", "nothing of it can be taken in");
  check(document);
  const { query, mutation } = catalog.roots;
  const { prefix, shared } = terms;
  return { document, border: { prefix, shared, roots: { query, mutation }, sdl: print(document) } };
}

/** As GraphQL sees it, without what only federation knows. */
function check(document: DocumentNode): void {
  try {
    const definitions = document.definitions.filter(({ kind }) => kind !== "SchemaExtension");
    const schema = buildASTSchema({ kind: document.kind, definitions }, { assumeValidSDL: true });
    const problem = validateSchema(schema).find(({ message }) => !/Query root type/.test(message));
    if (problem !== undefined) throw problem;
  } catch (error) {
    const text = error instanceof Error ? error.message.slice(0, 500) : "it is not valid";
    throw new Refusal("ERR_SCHEMA_INVALID", text);
  }
}
