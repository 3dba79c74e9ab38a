// A binary heap: what comes first stands at the top, adding and taking cost O(log n). One that is to find its items again is told
// where each stands (`moved`, -1 when it left), so that an item in the middle can be taken out. Invariant: no item stands before the
// one above it.

export class Heap<T> {
  readonly #items: T[] = [];
  readonly #before: (a: T, b: T) => boolean;
  readonly #moved: ((item: T, at: number) => void) | undefined;

  constructor(before: (a: T, b: T) => boolean, moved?: (item: T, at: number) => void) {
    this.#before = before;
    this.#moved = moved;
  }

  get size(): number {
    return this.#items.length;
  }

  get top(): T | undefined {
    return this.#items[0];
  }

  add(item: T): void {
    this.#items.push(item);
    this.#up(this.#items.length - 1, item);
  }

  /** Takes out the item that stands there, the top when nothing is said. */
  take(at = 0): T | undefined {
    const items = this.#items;
    const item = items[at];
    const last = items.pop();
    if (item === undefined || last === undefined) return undefined;
    this.#moved?.(item, -1);
    // The last one fills the gap, and may belong above or below it.
    if (item !== last && this.#up(at, last) === at) this.#down(at, last);
    return item;
  }

  clear(): void {
    this.#items.length = 0;
  }

  /**
   * All that hold, in no order. What holds must hold of everything before it: such items are a connected top of the heap, so the
   * cost grows with the answer only.
   */
  while(holds: (item: T) => boolean): T[] {
    const found: T[] = [];
    const open = [0];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const item = this.#items[at];
      if (item === undefined || !holds(item)) continue;
      found.push(item);
      open.push(2 * at + 1, 2 * at + 2);
    }
    return found;
  }

  #put(at: number, item: T): void {
    this.#items[at] = item;
    this.#moved?.(item, at);
  }

  #up(from: number, item: T): number {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = this.#items[parent];
      if (above === undefined || !this.#before(item, above)) break;
      this.#put(at, above);
      at = parent;
    }
    this.#put(at, item);
    return at;
  }

  #down(from: number, item: T): void {
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      let first = this.#items[child];
      if (first === undefined) break;
      const right = this.#items[child + 1];
      if (right !== undefined && this.#before(right, first)) {
        first = right;
        child += 1;
      }
      if (!this.#before(first, item)) break;
      this.#put(at, first);
      at = child;
    }
    this.#put(at, item);
  }
}
