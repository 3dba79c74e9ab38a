// The decision process: in which order the paths to one name are used. Follows RFC 4271 section 9.1 in shape; the steps are
// those of docs/internals/decision.md. No age and no randomness: equal sets of paths give equal orders on every node,
// whatever came first. Cost compares only inside one neighbouring organization (as BGP's MED, RFC 4271 section 9.1.2.2), so
// the best of each organization is found first and only these meet: a plain sort over all would not be transitive.
// External goes before internal: two borders that prefer each other's path change their minds for ever (decision 0003).

import type { NodeName, OrgName } from "./service.ts";

/** The steps in their order; the name is what `explain` shows. */
export const STEPS = [
  "own healthy service",
  "accepted",
  "fresh before stale",
  "health",
  "local preference",
  "fewer organizations",
  "cost inside one organization",
  "external before internal",
  "fewer nodes",
  "lowest node name",
] as const;

export type Step = (typeof STEPS)[number];

/** Paths a key keeps for use: the best and three alternates, which Envoy gets as priorities. */
export const PATHS_MAX = 4;

/** What deciding reads of a path. A rank is better when it is lower. */
export interface Contender {
  /** Own service that is up. */
  readonly own: boolean;
  /** Neither a rule, nor a role, nor a tombstone hides it. */
  readonly accepted: boolean;
  /** 0 fresh, 1 stale, 2 stale for long. */
  readonly staleness: number;
  /** 0 up, 1 unknown, 2 down. */
  readonly healthRank: number;
  readonly localPreference: number;
  /** Other organizations on the way. */
  readonly organizations: number;
  readonly cost: number;
  readonly internal: boolean;
  readonly nodes: number;
  /** Who told it: one path a peer and key, so no two contenders share it. */
  readonly peerName: NodeName;
  /** The first other organization on the way; the own one for paths that stay inside. */
  readonly neighbour: OrgName;
}

/**
 * Negative when `a` comes first, positive when `b` does, 0 for the same one; the amount is the number of the step that decided,
 * counted from 1. A total order over paths of one neighbouring organization, and, without cost, over those of different ones.
 */
export function compare(a: Contender, b: Contender): number {
  if (a.own !== b.own) return a.own ? -1 : 1;
  if (a.accepted !== b.accepted) return a.accepted ? -2 : 2;
  if (a.staleness !== b.staleness) return a.staleness < b.staleness ? -3 : 3;
  if (a.healthRank !== b.healthRank) return a.healthRank < b.healthRank ? -4 : 4;
  if (a.localPreference !== b.localPreference) return a.localPreference > b.localPreference ? -5 : 5;
  if (a.organizations !== b.organizations) return a.organizations < b.organizations ? -6 : 6;
  if (a.cost !== b.cost && a.neighbour === b.neighbour) return a.cost < b.cost ? -7 : 7;
  if (a.internal !== b.internal) return a.internal ? 8 : -8;
  if (a.nodes !== b.nodes) return a.nodes < b.nodes ? -9 : 9;
  if (a.peerName === b.peerName) return 0;
  return a.peerName < b.peerName ? -10 : 10;
}

/** The step that decided, of what `compare` answered. */
export function stepOf(compared: number): Step | undefined {
  return STEPS[Math.abs(compared) - 1];
}

/**
 * The first `most` of them in the order of use. Each next one is the winner of those left, so that an organization's second path
 * never stands before its first.
 */
export function rank<C extends Contender>(contenders: readonly C[], most = contenders.length): C[] {
  const [first, second] = contenders;
  if (first === undefined || second === undefined) return contenders.slice(0, most);
  if (contenders.length === 2)
    return (compare(first, second) <= 0 ? [first, second] : [second, first]).slice(0, most);
  const left = contenders.slice();
  const ranked: C[] = [];
  while (left.length > 0 && ranked.length < most) {
    const at = winner(left);
    const [next] = left.splice(at, 1);
    if (next !== undefined) ranked.push(next);
  }
  return ranked;
}

/** Place of the best among those that lead their neighbouring organization. */
function winner(contenders: readonly Contender[]): number {
  let at = -1;
  let best: Contender | undefined;
  for (let index = 0; index < contenders.length; index++) {
    const one = contenders[index];
    if (one === undefined || (best !== undefined && compare(best, one) < 0)) continue;
    if (!leads(one, contenders)) continue;
    best = one;
    at = index;
  }
  return at;
}

function leads(one: Contender, contenders: readonly Contender[]): boolean {
  for (const other of contenders) {
    if (other !== one && other.neighbour === one.neighbour && compare(other, one) < 0) return false;
  }
  return true;
}

/** Against whom a path lost, and where. */
export interface Lost<C extends Contender> {
  readonly to: C;
  readonly step: Step;
}

/** For `explain`: a path loses to the first of its own organization, or as that first one to the best. The best lost to nobody. */
export function lost<C extends Contender>(one: C, ranked: readonly C[]): Lost<C> | undefined {
  const leader = ranked.find(({ neighbour }) => neighbour === one.neighbour);
  const to = leader === undefined || leader === one ? ranked[0] : leader;
  if (to === undefined || to === one) return undefined;
  const step = stepOf(compare(to, one));
  return step === undefined ? undefined : { to, step };
}
