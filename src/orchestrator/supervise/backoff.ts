// Waiting time before a part is started again: 200 ms doubling to 30 s, with jitter, so that parts that fail together do not
// start together; back to the beginning after 10 s up (docs/internals/processes.md section 1).

import type { Random } from "#kernel";

export const BACKOFF_FIRST_MS = 200;
export const BACKOFF_LAST_MS = 30_000;
/** A part that lived this long was healthy: its next end is a new story. */
export const BACKOFF_RESET_MS = 10_000;

export class Backoff {
  readonly #random: Random;
  #failures = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Milliseconds to wait after an end; `upMs` is how long it had lived. */
  next(upMs: number): number {
    if (upMs >= BACKOFF_RESET_MS) this.#failures = 0;
    // The exponent is capped before the shift: 2^31 would turn negative.
    const full = Math.min(BACKOFF_LAST_MS, BACKOFF_FIRST_MS * 2 ** Math.min(this.#failures, 20));
    this.#failures += 1;
    return Math.round(full * (0.75 + 0.25 * this.#random.next()));
  }

  reset(): void {
    this.#failures = 0;
  }
}
