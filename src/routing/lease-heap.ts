// Leases in the order of their end: a binary heap, O(log n) to add. A renewal adds another entry instead of
// searching for the old one; entries that no longer hold are dropped when they come to the top. `ending`
// reads without changing anything: entries up to a time are a connected top of the heap, so its cost grows
// with the answer only.

import type { Millis } from "#kernel";

export interface LeaseEnd {
  readonly id: string;
  readonly notAfter: Millis;
}

const before = (a: LeaseEnd, b: LeaseEnd): boolean =>
  a.notAfter !== b.notAfter ? a.notAfter < b.notAfter : a.id < b.id;

export class LeaseHeap {
  readonly #heap: LeaseEnd[] = [];

  get size(): number {
    return this.#heap.length;
  }

  add(end: LeaseEnd): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(end);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !before(end, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = end;
  }

  /** Begins anew with these. */
  reset(ends: Iterable<LeaseEnd>): void {
    this.#heap.length = 0;
    for (const { id, notAfter } of ends) this.add({ id, notAfter });
  }

  /** Drops entries from the top that no longer hold. */
  prune(holds: (end: LeaseEnd) => boolean): void {
    for (let top = this.#heap[0]; top !== undefined && !holds(top); top = this.#heap[0]) this.#pop();
  }

  /** Entries that end at or before `at`, earliest first; may hold entries that were renewed since. */
  ending(at: Millis): LeaseEnd[] {
    const found: LeaseEnd[] = [];
    const open = [0];
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      const end = this.#heap[index];
      if (end === undefined || end.notAfter > at) continue;
      found.push(end);
      open.push(2 * index + 1, 2 * index + 2);
    }
    return found.sort((a, b) => (before(a, b) ? -1 : 1));
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      const left = heap[child];
      if (left === undefined) break;
      const right = heap[child + 1];
      let least = left;
      if (right !== undefined && before(right, left)) {
        child += 1;
        least = right;
      }
      if (!before(least, last)) break;
      heap[index] = least;
      index = child;
    }
    heap[index] = last;
  }
}
