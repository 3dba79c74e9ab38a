// Paths by the end of their lease: a binary heap in which each path knows its place, so that a renewal or a withdrawal takes the old
// one out at once; entries left behind would keep a day's worth of old paths alive. Renewals come in the order of their ends, so
// adding mostly costs one comparison. Invariant: the path at `heap[i]` has `place` i; a path outside has -1.

import type { Millis } from "#kernel";
import type { Path } from "./path.ts";

export class PathHeap {
  readonly #heap: Path[] = [];

  get size(): number {
    return this.#heap.length;
  }

  add(path: Path): void {
    this.#heap.push(path);
    this.#up(this.#heap.length - 1, path);
  }

  remove(path: Path): void {
    const at = path.place;
    if (at < 0) return;
    path.place = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === path) return;
    // The last one fills the gap, and may belong above or below it.
    this.#up(at, last);
    if (last.place === at) this.#down(at, last);
  }

  /** Those that end at or before `at`; cost grows with the answer only. */
  ending(at: Millis): Path[] {
    const found: Path[] = [];
    const open = [0];
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      const path = this.#heap[index];
      if (path === undefined || path.notAfter > at) continue;
      found.push(path);
      open.push(2 * index + 1, 2 * index + 2);
    }
    return found;
  }

  #up(from: number, path: Path): void {
    const heap = this.#heap;
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || above.notAfter <= path.notAfter) break;
      heap[index] = above;
      above.place = index;
      index = parent;
    }
    heap[index] = path;
    path.place = index;
  }

  #down(from: number, path: Path): void {
    const heap = this.#heap;
    let index = from;
    for (;;) {
      let child = 2 * index + 1;
      let least = heap[child];
      if (least === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && right.notAfter < least.notAfter) {
        least = right;
        child += 1;
      }
      if (least.notAfter >= path.notAfter) break;
      heap[index] = least;
      least.place = index;
      index = child;
    }
    heap[index] = path;
    path.place = index;
  }
}
