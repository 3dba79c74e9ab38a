// How many routes of each peer are in use, kept from commits: a walk over the table for each picture of the node would cost more than
// the picture. Invariant: after each commit the counts equal what a walk over the table would find.

import type { Best, Commit, NodeName, StateView } from "#routing";

export interface InUse {
  readonly best: number;
  /** As the best path, or one of the three behind it. */
  readonly used: number;
}

export class RouteCounts {
  readonly #best = new Map<NodeName, number>();
  readonly #used = new Map<NodeName, number>();

  constructor(routes: StateView["routes"]) {
    for (const key of routes.keys()) this.#add(routes.best(key), 1);
  }

  commit({ changes }: Pick<Commit, "changes">): void {
    for (const { before, after } of changes.routes.values()) {
      this.#add(before, -1);
      this.#add(after, 1);
    }
  }

  of(node: NodeName): InUse {
    return { best: this.#best.get(node) ?? 0, used: this.#used.get(node) ?? 0 };
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
