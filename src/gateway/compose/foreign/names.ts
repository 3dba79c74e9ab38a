// Two names for one thing: what a service of another organization calls its types and root fields, and what they are called in our
// graph (`Review` there, `Globex_Review` here). Needs no table, so it is the same rule when the schema is taken in and when an
// operation goes out. Invariants: `theirs` undoes `ours` for every name; root types, built-in scalars and shared types keep
// their names; fields and arguments inside types are never renamed.

import type { ForeignTerms } from "#rpc";

const ROOTS: ReadonlySet<string> = new Set(["Query", "Mutation", "Subscription"]);
export const BUILT_IN: ReadonlySet<string> = new Set(["Int", "Float", "String", "Boolean", "ID"]);

export class BorderNames {
  readonly typePrefix: string;
  readonly fieldPrefix: string;
  readonly #shared: ReadonlySet<string>;

  constructor({ prefix, shared }: Pick<ForeignTerms, "prefix" | "shared">) {
    this.typePrefix = `${prefix.slice(0, 1).toUpperCase()}${prefix.slice(1)}_`;
    this.fieldPrefix = `${prefix}_`;
    this.#shared = new Set(shared);
  }

  isShared(type: string): boolean {
    return this.#shared.has(type);
  }

  /** Of a type that is no root type there; one of theirs called "Query" is none of ours. */
  oursOfType(type: string): string {
    return BUILT_IN.has(type) || this.#shared.has(type) ? type : `${this.typePrefix}${type}`;
  }

  theirsOfType(type: string): string {
    if (BUILT_IN.has(type) || this.#shared.has(type) || ROOTS.has(type)) return type;
    return type.startsWith(this.typePrefix) ? type.slice(this.typePrefix.length) : type;
  }

  oursOfRootField(field: string): string {
    return `${this.fieldPrefix}${field}`;
  }

  /** What is not theirs by name (`__typename`, `_entities`) stays. */
  theirsOfRootField(field: string): string {
    return field.startsWith(this.fieldPrefix) ? field.slice(this.fieldPrefix.length) : field;
  }
}
