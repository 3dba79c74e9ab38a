// A token's scope: space-separated service names, full or short, or "*". Which services a request touches is known after
// planning; the check is a set lookup for each. Invariant: an unreadable scope covers nothing.

export type Scope = "*" | ReadonlySet<string>;

const SCOPES_MAX = 1_000;
const scopes = new Map<string, Scope>();

/** A token without scope is not restricted; an API key's token always has one. */
export function parseScope(text: string | undefined): Scope {
  if (text === undefined || text === "*") return "*";
  const known = scopes.get(text);
  if (known !== undefined) return known;
  const names = text.split(/\s+/).filter((name) => name !== "");
  const scope: Scope = names.includes("*") ? "*" : new Set(names);
  if (scopes.size >= SCOPES_MAX) scopes.clear();
  scopes.set(text, scope);
  return scope;
}

export function coveredBy(scope: ReadonlySet<string>, service: { name: string; shortName: string }): boolean {
  return scope.has(service.name) || scope.has(service.shortName);
}
