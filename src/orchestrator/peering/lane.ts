// What sessions put into the event loop, in their order. The loop's queue may be full of other things: then events wait here, in
// order, and none is lost. How many wait is bounded by the windows of the sessions, for the frames behind them are not
// acknowledged before their event is committed.

import type { Input, Loop, Submitted } from "#kernel";
import type { Event, NodeTypes } from "#routing";

interface Waiting {
  readonly event: Input<Event>;
  readonly resolve: (done: Promise<Submitted<NodeTypes>>) => void;
}

export class Lane {
  readonly #loop: Pick<Loop<NodeTypes>, "submit" | "space" | "hasRoom">;
  #waiting: Waiting[] = [];

  constructor(loop: Pick<Loop<NodeTypes>, "submit" | "space" | "hasRoom">) {
    this.#loop = loop;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves when it is committed; rejects when the node stops before. */
  submit(event: Input<Event>): Promise<Submitted<NodeTypes>> {
    if (this.#waiting.length === 0 && this.#loop.hasRoom) return this.#loop.submit(event);
    return new Promise((resolve) => {
      this.#waiting.push({ event, resolve });
      if (this.#waiting.length === 1) void this.#loop.space().then(() => this.#drain());
    });
  }

  #drain(): void {
    let taken = 0;
    for (const { event, resolve } of this.#waiting) {
      if (!this.#loop.hasRoom) break;
      resolve(this.#loop.submit(event));
      taken += 1;
    }
    this.#waiting = this.#waiting.slice(taken);
    if (this.#waiting.length > 0) void this.#loop.space().then(() => this.#drain());
  }
}
