// Split horizon without splitting the update group (docs/internals/session.md section 4): who is left out of what the others are told. Inside
// an organization that is the peer by which a route came, for it would find itself in the path; across organizations everybody of
// an organization that the route passed through. Both sides follow one rule: the echo of a peer's own word says that there is
// nothing for it, so it can stand in a frame that is encoded once for all, and it counts in nobody's sums.

import type { Route } from "./route.ts";
import type { NodeName, OrgName } from "./service.ts";

/** Which way a route came: what decides who is left out. */
export interface Way {
  /** Who told it; the node itself for its own. */
  readonly peerName: NodeName;
  readonly orgPath: readonly OrgName[];
}

/** A peer that is told. */
export interface Listener {
  readonly node: NodeName;
  readonly organization: OrgName;
}

/** `own` is the teller's organization. */
export function leftOut({ peerName, orgPath }: Way, { node, organization }: Listener, own: OrgName): boolean {
  return organization === own ? peerName === node : orgPath.includes(organization);
}

/** Leaves out the same. */
export function sameWay(a: Way, b: Way): boolean {
  if (a.peerName !== b.peerName) return false;
  if (a.orgPath === b.orgPath) return true;
  return a.orgPath.length === b.orgPath.length && a.orgPath.every((name, at) => name === b.orgPath[at]);
}

/** Whether `node` is told of the path that it told itself. To the receiver the route is a claim: it may be anything. */
export function isEcho({ nodePath }: Route, node: NodeName): boolean {
  return Array.isArray(nodePath) && nodePath[1] === node;
}
