// A bucket of tokens: how often something may happen over time, with a burst. Costs a subtraction each time.

import type { Clock } from "#kernel";

export class Rate {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  constructor(clock: Pick<Clock, "monotonic">, perSecond: number, burst: number) {
    this.#clock = clock;
    this.#perMs = perSecond / 1_000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = clock.monotonic();
  }

  /** False when it happens too often. */
  take(): boolean {
    if (this.#tokens < 1) {
      // The clock is read only when the tokens at hand are spent.
      const now = this.#clock.monotonic();
      this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs);
      this.#at = now;
      if (this.#tokens < 1) return false;
    }
    this.#tokens -= 1;
    return true;
  }
}
