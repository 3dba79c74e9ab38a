// Leases in the order of their end. A renewal adds another entry instead of searching for the old one; entries
// that no longer hold are dropped when they come to the top. `ending` reads without changing anything.

import { Heap, type Millis } from "#kernel";

export interface LeaseEnd {
  readonly id: string;
  readonly notAfter: Millis;
}

const before = (a: LeaseEnd, b: LeaseEnd): boolean =>
  a.notAfter !== b.notAfter ? a.notAfter < b.notAfter : a.id < b.id;

export class LeaseHeap {
  readonly #heap = new Heap<LeaseEnd>(before);

  get size(): number {
    return this.#heap.size;
  }

  add(end: LeaseEnd): void {
    this.#heap.add(end);
  }

  /** Begins anew with these. */
  reset(ends: Iterable<LeaseEnd>): void {
    this.#heap.clear();
    for (const { id, notAfter } of ends) this.add({ id, notAfter });
  }

  /** Drops entries from the top that no longer hold. */
  prune(holds: (end: LeaseEnd) => boolean): void {
    for (let { top } = this.#heap; top !== undefined && !holds(top); { top } = this.#heap) this.#heap.take();
  }

  /** Entries that end at or before `at`, earliest first; may hold entries that were renewed since. */
  ending(at: Millis): LeaseEnd[] {
    return this.#heap.while(({ notAfter }) => notAfter <= at).sort((a, b) => (before(a, b) ? -1 : 1));
  }
}
