// What other rules would change, before they are applied: for each peer the routes this node would take from it or lose, and those
// it would tell it or take back. Exact, not a guess by rule: every name is judged, decided and exported as it would be, also where
// another best path follows. Nothing is changed. Yields between slices, so that a caller can let the loop work.

import { equal } from "#kernel";
import { rank } from "./decision.ts";
import { ExportPolicy, type Self } from "./export-policy.ts";
import { ImportPolicy } from "./import-policy.ts";
import type { Path } from "./path.ts";
import type { Received } from "./received.ts";
import type { Route } from "./route.ts";
import type { RuleLists } from "./rule.ts";
import type { NodeName, ServiceName } from "./service.ts";
import type { RouteView } from "./table.ts";

export interface Difference {
  readonly gained: readonly ServiceName[];
  readonly lost: readonly ServiceName[];
  /** There before and after, with other values. */
  readonly changed: readonly ServiceName[];
}

export interface PeerDifference {
  readonly peer: NodeName;
  /** Taken from the peer. */
  readonly imports: Difference;
  /** Told to it. */
  readonly exports: Difference;
}

/** Names between two yields: a few milliseconds. */
const SLICE = 1_000;

interface Side {
  readonly received: Received;
  readonly judge: ImportPolicy;
  readonly before: ExportPolicy;
  readonly after: ExportPolicy;
  readonly imports: Lists;
  readonly exports: Lists;
}
type Lists = Record<keyof Difference, ServiceName[]>;

export function* peerDiff(
  view: RouteView,
  self: Self,
  before: RuleLists,
  after: RuleLists,
): Generator<undefined, readonly PeerDifference[]> {
  const sides = new Map<Received, Side>();
  for (const received of view.peers()) {
    if (received.terms.local !== true) sides.set(received, sideOf(received, self, before, after));
  }
  let seen = 0;
  for (const key of view.keys()) {
    seen += 1;
    if (seen % SLICE === 0) yield;
    const now = view.candidates(key);
    const then = now.map((path) => rejudged(path, sides));
    const [best] = view.best(key) ?? [];
    const [next] = then.every((path, i) => path === now[i])
      ? [best]
      : rank(
          then.filter(({ accepted }) => accepted),
          1,
        );
    for (const side of sides.values()) {
      note(side.exports, key, sent(best, side.before, side), sent(next, side.after, side));
    }
  }
  return [...sides.values()].map(({ received, imports, exports }) => ({
    peer: received.terms.node,
    imports,
    exports,
  }));
}

function sideOf(received: Received, self: Self, before: RuleLists, after: RuleLists): Side {
  const { terms } = received;
  return {
    received,
    judge: new ImportPolicy(after.imports, terms),
    before: new ExportPolicy(before.exports, terms, self),
    after: new ExportPolicy(after.exports, terms, self),
    imports: { gained: [], lost: [], changed: [] },
    exports: { gained: [], lost: [], changed: [] },
  };
}

/** The path as the new import rules would have it; the very same when they say the same. */
function rejudged(path: Path, sides: ReadonlyMap<Received, Side>): Path {
  const side = sides.get(path.peer);
  if (side === undefined) return path;
  const verdict = side.judge.judge(path.route());
  const { rule: _before, ...was } = path.verdict;
  const { rule: _after, ...is } = verdict;
  if (equal(was, is)) return path;
  note(side.imports, path.key, was.accept ? was : undefined, is.accept ? is : undefined);
  return path.judged(verdict);
}

/** Never what the peer itself told, nor what passed through it or its organization: there it would be a loop. */
function sent(path: Path | undefined, policy: ExportPolicy, { received }: Side): Route | undefined {
  if (path === undefined) return undefined;
  const { node, organization, kind } = received.terms;
  const { nodePath, orgPath } = path.course;
  if (nodePath.includes(node) || (kind === "external" && orgPath.includes(organization))) return undefined;
  const decision = policy.decide(path);
  return decision.send ? decision.route : undefined;
}

function note(lists: Lists, key: ServiceName, before: unknown, after: unknown): void {
  if (before === undefined && after === undefined) return;
  if (before === undefined) lists.gained.push(key);
  else if (after === undefined) lists.lost.push(key);
  else if (!equal(before, after)) lists.changed.push(key);
}
