// How many routes of each peer are in use, kept from commits: a walk over the table for each picture of the node would cost more than
// the picture. How many it is told is counted when somebody asks, once for all peers under one policy, and not again within
// two seconds. Invariant: after each commit, `best` and `used` equal what a walk over the table would find.

import type { Clock, Millis } from "#kernel";
import type { Best, Commit, NodeName, StateView } from "#routing";
import type { Exports } from "../peering/exports.ts";
import type { Counted } from "./peer-record.ts";
import { unhurried } from "./slices.ts";

const TOLD_AGAIN_MS = 2_000;

/** What goes out under one policy, and how many of it came from each peer: those are not told back. */
interface Told {
  readonly total: number;
  readonly from: ReadonlyMap<NodeName, number>;
}

export class RouteCounts {
  readonly #best = new Map<NodeName, number>();
  readonly #used = new Map<NodeName, number>();
  readonly #told = new Map<string, { readonly at: Millis; readonly told: Promise<Told> }>();
  readonly #routes: StateView["routes"];
  readonly #exports: Exports;
  readonly #clock: Clock;

  constructor(routes: StateView["routes"], exports: Exports, clock: Clock) {
    this.#routes = routes;
    this.#exports = exports;
    this.#clock = clock;
    for (const key of routes.keys()) this.#add(routes.best(key), 1);
  }

  commit({ changes }: Pick<Commit, "changes">): void {
    for (const { before, after } of changes.routes.values()) {
      this.#add(before, -1);
      this.#add(after, 1);
    }
  }

  async of(node: NodeName): Promise<Counted> {
    const policy = this.#exports.policy(node);
    const told = policy === undefined ? undefined : await this.#toldBy(policy);
    return {
      best: this.#best.get(node) ?? 0,
      used: this.#used.get(node) ?? 0,
      told: told === undefined ? 0 : told.total - (told.from.get(node) ?? 0),
    };
  }

  #toldBy(policy: string): Promise<Told> {
    const now = this.#clock.monotonic();
    for (const [known, { at }] of this.#told) if (now - at > TOLD_AGAIN_MS) this.#told.delete(known);
    const known = this.#told.get(policy);
    if (known !== undefined) return known.told;
    const told = this.#count(policy);
    this.#told.set(policy, { at: now, told });
    return told;
  }

  async #count(policy: string): Promise<Told> {
    const from = new Map<NodeName, number>();
    let total = 0;
    for await (const key of unhurried(this.#routes.keys())) {
      const first = this.#exports.route(policy, key) === undefined ? undefined : this.#routes.best(key)?.[0];
      if (first === undefined) continue;
      total += 1;
      grow(from, first.peerName, 1);
    }
    return { total, from };
  }

  #add(best: Best | undefined, by: number): void {
    const [first] = best ?? [];
    if (first !== undefined) grow(this.#best, first.peerName, by);
    for (const path of best ?? []) grow(this.#used, path.peerName, by);
  }
}

function grow(counts: Map<NodeName, number>, node: NodeName, by: number): void {
  const count = (counts.get(node) ?? 0) + by;
  if (count === 0) counts.delete(node);
  else counts.set(node, count);
}
