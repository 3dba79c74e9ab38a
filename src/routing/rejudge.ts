// What concerns all that a peer told, other import rules or a lost session, brought to its paths: slice by slice from the place where
// the last slice ended, without asking the peer. Each slice is deltas: other verdicts where they differ now, then the walk over
// exactly those paths.

import { equal } from "#kernel";
import { type ImportPolicy, LOST } from "./import-policy.ts";
import type { Received } from "./received.ts";
import type { RouteDelta } from "./route-delta.ts";

/** Paths of one slice: some 10 ms of the loop. */
export const SLICE = 5_000;

/** Empty when the peer's walk is done. */
export function rejudge(received: Received, policy: ImportPolicy, most = SLICE): RouteDelta[] {
  const { node, onLoss } = received.terms;
  const deltas: RouteDelta[] = [];
  if (received.cursor === undefined) return deltas;
  let path: typeof received.cursor | undefined = received.cursor;
  for (let left = most; left > 0 && path !== undefined; left--, path = path.newer) {
    const verdict = path.stale && onLoss === "withdraw" ? LOST : policy.judge(path.route());
    // An equal one from rules compiled anew is no change.
    if (!equal(verdict, path.verdict))
      deltas.push({ kind: "route.judge", peer: node, key: path.key, verdict });
  }
  deltas.push({ kind: "route.walk", peer: node, most });
  return deltas;
}
