// Why a name is reached the way it is: every candidate with its values, the step at which it lost and to whom, the rule or role that
// hides it; and what was dropped before it could be one. Plain data; the CLI and the console only render it.

import type { Millis } from "#kernel";
import { lost, PATHS_MAX, rank, type Step } from "./decision.ts";
import type { Verdict } from "./import-policy.ts";
import type { Path } from "./path.ts";
import type { Rejection } from "./rejection.ts";
import type { PeerKind, PeerRole, RouteVersion, Scope } from "./route.ts";
import type { Health, NodeName, OrgName, Protocol, ServiceName } from "./service.ts";
import type { RouteView } from "./table.ts";
import type { Tombstone } from "./tombstones.ts";

export interface Explained {
  readonly key: ServiceName;
  /** In the order of use; what is hidden comes last. */
  readonly candidates: readonly ExplainedPath[];
  /** Dropped alone when they came; the last ones of each peer. */
  readonly rejected: readonly (Rejection & { readonly peer: NodeName })[];
  /** Versions that origins took back. */
  readonly tombstones: readonly Tombstone[];
}

export interface ExplainedPath {
  /** In use are the best and up to three alternates; a spare one steps in for them. */
  readonly use: "best" | "alternate" | "spare" | "hidden";
  readonly peer: NodeName;
  readonly kind: PeerKind;
  readonly role: PeerRole;
  readonly origin: NodeName;
  readonly protocol: Protocol;
  readonly version: RouteVersion;
  readonly orgPath: readonly OrgName[];
  readonly nodePath: readonly NodeName[];
  readonly nextHop: NodeName;
  readonly nextHopAddress: string;
  readonly notAfter: Millis;
  /** What the rules made of it. */
  readonly verdict: Verdict;
  /** What deciding compared, after the rules. */
  readonly freshness: "fresh" | "stale" | "long-stale";
  readonly health: Health;
  readonly reach: Health;
  readonly localPreference: number;
  readonly organizations: number;
  readonly cost: number;
  readonly scope: Scope;
  readonly communities: readonly string[];
  readonly onlyToCustomer?: OrgName;
  /** Where it lost, and to which peer's path. */
  readonly lost?: { readonly to: NodeName; readonly step: Step };
}

export function explain(view: RouteView, key: ServiceName): Explained {
  const ranked = rank(view.candidates(key));
  const rejected = [...view.peers()].flatMap(({ terms, rejected: all }) =>
    all.filter((one) => one.key === key).map((one) => ({ ...one, peer: terms.node })),
  );
  const origins = new Set(ranked.map(({ origin }) => origin));
  const stones = [...origins].map((origin) => view.tombstones.get(key, origin));
  return {
    key,
    candidates: ranked.map((path, place) => explained(path, place, ranked)),
    rejected,
    tombstones: stones.filter((stone) => stone !== undefined),
  };
}

function explained(path: Path, place: number, ranked: readonly Path[]): ExplainedPath {
  const { terms } = path.peer;
  const { origin, protocol, orgPath, nodePath, nextHop, nextHopAddress } = path.course;
  const reason = lost(path, ranked);
  const { onlyToCustomer } = path;
  return {
    use: useOf(path, place),
    peer: terms.node,
    kind: terms.kind,
    role: terms.role,
    origin,
    protocol,
    version: path.version,
    orgPath,
    nodePath,
    nextHop,
    nextHopAddress,
    notAfter: path.notAfter,
    verdict: path.verdict,
    freshness: !path.stale ? "fresh" : terms.longStale ? "long-stale" : "stale",
    health: path.health,
    reach: terms.reach,
    localPreference: path.localPreference,
    organizations: path.organizations,
    cost: path.cost,
    scope: path.scope,
    communities: path.communities,
    ...(onlyToCustomer === undefined ? {} : { onlyToCustomer }),
    ...(reason === undefined ? {} : { lost: { to: reason.to.peerName, step: reason.step } }),
  };
}

function useOf(path: Path, place: number): ExplainedPath["use"] {
  if (!path.accepted) return "hidden";
  if (place === 0) return "best";
  return place < PATHS_MAX ? "alternate" : "spare";
}
