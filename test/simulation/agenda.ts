// What happens when, in virtual time: a heap of due calls, those of one time in the order in which they were made. The only clock of a
// simulated network; nothing in it waits for anything real.

import { Heap } from "#kernel";

interface Due {
  readonly at: number;
  readonly turn: number;
  readonly run: () => void;
}

export class Agenda {
  readonly #heap = new Heap<Due>((a, b) => a.at < b.at || (a.at === b.at && a.turn < b.turn));
  #turn = 0;
  now: number;

  constructor(now: number) {
    this.now = now;
  }

  at(at: number, run: () => void): void {
    this.#heap.add({ at: Math.max(at, this.now), turn: this.#turn++, run });
  }

  /** Runs everything that is due up to this time. */
  runUntil(until: number, afterEach: () => void): void {
    for (let { top } = this.#heap; top !== undefined && top.at <= until; { top } = this.#heap) {
      this.#heap.take();
      this.now = top.at;
      top.run();
      afterEach();
    }
    this.now = until;
  }
}
