// Paths by the end of their lease: each knows its place, so that a renewal or a withdrawal takes the old one out at once; entries left
// behind would keep a day's worth of old paths alive. Renewals come in the order of their ends, so adding mostly costs one comparison.

import { Heap, type Millis } from "#kernel";
import type { Path } from "./path.ts";

export class PathHeap {
  readonly #heap = new Heap<Path>(
    (a, b) => a.notAfter < b.notAfter,
    (path, at) => (path.place = at),
  );

  add(path: Path): void {
    this.#heap.add(path);
  }

  remove(path: Path): void {
    if (path.place >= 0) this.#heap.take(path.place);
  }

  /** Those that end at or before `at`; cost grows with the answer only. */
  ending(at: Millis): Path[] {
    return this.#heap.while(({ notAfter }) => notAfter <= at);
  }
}
