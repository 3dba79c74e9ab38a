// How far a route may travel. "organization" is BGP's NO_EXPORT (RFC 1997), "direct" lets one more organization use it but not
// pass it on, "node" never leaves the node. Invariant: on its way a scope only becomes narrower, whatever rules say.

import type { PeerKind, Scope } from "./route.ts";

const WIDTH: Readonly<Record<Scope, number>> = { node: 0, organization: 1, direct: 2, transitive: 3 };

export function narrower(a: Scope, b: Scope | undefined): Scope {
  return b !== undefined && WIDTH[b] < WIDTH[a] ? b : a;
}

/** May come in over a session of this kind at all. */
export function scopeArrives(scope: Scope, kind: PeerKind): boolean {
  return WIDTH[scope] >= (kind === "internal" ? WIDTH.organization : WIDTH.direct);
}

/** May go out over a session of this kind. `foreign`: it came from another organization. */
export function scopeLeaves(scope: Scope, kind: PeerKind, foreign: boolean): boolean {
  if (kind === "internal") return WIDTH[scope] >= WIDTH.organization;
  return WIDTH[scope] >= (foreign ? WIDTH.transitive : WIDTH.direct);
}
