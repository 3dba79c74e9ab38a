// Who may say what: whether a well-formed route may come from this peer at all, before any policy. The peer's identity is proven by its
// certificate; what it says must fit. It stands first in both paths, the last one is the origin, and the name lies in the origin's
// domain: only an organization originates its own names (what RPKI does for BGP). The own node or organization in a path is a
// loop (RFC 4271 section 9.1.2). Paths of nodes and of organizations tell the same way, so neither can hide a hop of the other.
// Which third organizations' names a peer may pass on is the import rules' matter; withdrawals touch the peer's own paths only.

import type { Millis } from "#kernel";
import type { PeerTerms } from "./received.ts";
import type { RouteProblem } from "./rejection.ts";
import type { Route } from "./route.ts";
import { organizationOf } from "./service-name.ts";
import type { NodeName, OrgName } from "./service.ts";

/** Longest lease, one day, and what clocks may differ beside the offset that the session knows. */
export const LEASE_MS = 86_400_000;
export const LEASE_SLACK_MS = 300_000;

export interface Place {
  readonly node: NodeName;
  readonly organization: OrgName;
}

/** The part of a peer that its routes are checked against. */
export type Teller = Pick<PeerTerms, "node" | "organization" | "kind"> & {
  readonly limits: Pick<PeerTerms["limits"], "pathLength">;
};

export function originProblem(route: Route, peer: Teller, own: Place, at: Millis): RouteProblem | undefined {
  return new OriginCheck(peer, own).problem(route, at);
}

/** For many routes of one peer: most go the same way, which the parser made the same arrays, and it is checked once. */
export class OriginCheck {
  readonly #peer: Teller;
  readonly #own: Place;
  #checked: Pick<Route, "nodePath" | "orgPath" | "origin" | "nextHop"> | undefined;

  constructor(peer: Teller, own: Place) {
    this.#peer = peer;
    this.#own = own;
  }

  problem(route: Route, at: Millis): RouteProblem | undefined {
    return this.#way(route) ?? nameProblem(route) ?? leaseProblem(route, at);
  }

  #way(route: Route): RouteProblem | undefined {
    const { nodePath, orgPath, origin, nextHop } = route;
    const checked = this.#checked;
    const isSame =
      checked?.nodePath === nodePath &&
      checked.orgPath === orgPath &&
      checked.origin === origin &&
      checked.nextHop === nextHop;
    if (isSame) return undefined;
    const problem = pathProblem(route, this.#peer, this.#own) ?? originOf(route);
    if (problem === undefined) this.#checked = route;
    return problem;
  }
}

/** A name lies in an organization's domain. */
export function isUnder(name: string, organization: OrgName): boolean {
  const dot = name.length - organization.length - 1;
  return dot > 0 && name.charCodeAt(dot) === 46 && name.endsWith(organization);
}

function pathProblem(route: Route, peer: Teller, own: Place): RouteProblem | undefined {
  const { orgPath, nodePath, nextHop } = route;
  if (nodePath[0] !== peer.node || orgPath[0] !== peer.organization) {
    return { reason: "not-first", text: `the path begins with ${nodePath[0]}, not with ${peer.node}` };
  }
  if (nodePath.length > peer.limits.pathLength) {
    return { reason: "path-length", text: `${nodePath.length} hops, at most ${peer.limits.pathLength}` };
  }
  if (nodePath.includes(own.node)) return { reason: "loop", text: `${own.node} is in the path` };
  // An internal peer's path begins with the own organization; it must not come back there.
  if (orgPath.includes(own.organization, peer.kind === "internal" ? 1 : 0)) {
    return { reason: "loop", text: `${own.organization} is in the path` };
  }
  if (!nodePath.includes(nextHop) || (peer.kind === "external" && nextHop !== peer.node)) {
    return { reason: "next-hop", text: `${nextHop} is no next hop that ${peer.node} may name` };
  }
  return undefined;
}

function originOf({ origin, orgPath, nodePath }: Route): RouteProblem | undefined {
  if (nodePath.at(-1) !== origin)
    return forged(`the path ends with ${nodePath.at(-1)}, not with the origin ${origin}`);
  let at = -1;
  let before: OrgName | undefined;
  for (const node of nodePath) {
    const organization = organizationOf(node);
    if (organization === before) continue;
    at += 1;
    if (orgPath[at] !== organization) return forged(`${node} does not stand in the path of organizations`);
    before = organization;
  }
  if (at !== orgPath.length - 1) return forged(`${orgPath.at(-1)} has no node in the path`);
  if (orgPath.length > 2 && new Set(orgPath).size < orgPath.length) {
    return { reason: "loop", text: "an organization is in the path twice" };
  }
  return undefined;
}

/** The last organization of the way is the origin's. */
function nameProblem({ key, orgPath }: Route): RouteProblem | undefined {
  const organization = orgPath[orgPath.length - 1];
  if (organization !== undefined && isUnder(key, organization)) return undefined;
  return forged(`${key} is no name of ${organization}`);
}

const forged = (text: string): RouteProblem => ({ reason: "origin-forged", text });

function leaseProblem({ notAfter }: Route, at: Millis): RouteProblem | undefined {
  if (notAfter <= at) return { reason: "expired", text: "its lease is over" };
  if (notAfter > at + LEASE_MS + LEASE_SLACK_MS) {
    return { reason: "lease", text: `its lease is longer than ${LEASE_MS / 3_600_000} hours` };
  }
  return undefined;
}
