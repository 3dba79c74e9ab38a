// What happens when, in virtual time: a heap of due calls, those of one time in the order in which they were made. The only clock of a
// simulated network; nothing in it waits for anything real.

export interface Due {
  readonly at: number;
  readonly turn: number;
  readonly run: () => void;
}

const before = (a: Due, b: Due): boolean => a.at < b.at || (a.at === b.at && a.turn < b.turn);

export class Agenda {
  readonly #heap: Due[] = [];
  #turn = 0;
  now: number;

  constructor(now: number) {
    this.now = now;
  }

  at(at: number, run: () => void): void {
    const due: Due = { at: Math.max(at, this.now), turn: this.#turn++, run };
    const heap = this.#heap;
    let index = heap.push(due) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !before(due, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = due;
  }

  /** Runs everything that is due up to this time. */
  runUntil(until: number, afterEach: () => void): void {
    for (let top = this.#heap[0]; top !== undefined && top.at <= until; top = this.#heap[0]) {
      this.#pop();
      this.now = top.at;
      top.run();
      afterEach();
    }
    this.now = until;
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
      if (right !== undefined && before(right, left)) child += 1;
      const least = heap[child] ?? left;
      if (!before(least, last)) break;
      heap[index] = least;
      index = child;
    }
    heap[index] = last;
  }
}
