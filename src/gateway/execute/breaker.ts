// Leaves a failing endpoint alone for a moment. Closed: the outcomes of the last calls are counted; when at least half of a
// full sample failed it opens. Open: nothing is sent. Half-open: after the pause one call may try; its outcome decides.
// Counted by samples, not by time, so an endpoint with little traffic is judged as fairly as one with much.

export interface BreakerOptions {
  /** Outcomes looked at together. */
  readonly sample: number;
  /** Share of failures that opens it. */
  readonly ratio: number;
  readonly pauseMs: number;
}

export const BREAKER_DEFAULTS: BreakerOptions = { sample: 20, ratio: 0.5, pauseMs: 2_000 };

export type BreakerState = "closed" | "open" | "half-open";

export class Breaker {
  readonly #options: BreakerOptions;
  readonly #now: () => number;
  #calls = 0;
  #failures = 0;
  #until = 0;
  #state: BreakerState = "closed";
  #trial = false;

  constructor(now: () => number, options: BreakerOptions = BREAKER_DEFAULTS) {
    this.#now = now;
    this.#options = options;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Whether a call may go now. In the half-open state it takes the one trial. */
  admit(): boolean {
    if (this.#state === "closed") return true;
    if (this.#state === "open" && this.#now() >= this.#until) this.#state = "half-open";
    if (this.#state !== "half-open" || this.#trial) return false;
    this.#trial = true;
    return true;
  }

  /** A call that was admitted ended without saying anything about the endpoint. */
  release(): void {
    this.#trial = false;
  }

  success(): void {
    if (this.#state !== "closed") this.#reset("closed");
    else this.#count(0);
  }

  failure(): void {
    if (this.#state === "half-open") this.#open();
    else if (this.#state === "closed") this.#count(1);
  }

  #count(failed: 0 | 1): void {
    this.#calls += 1;
    this.#failures += failed;
    if (this.#calls < this.#options.sample) return;
    if (this.#failures >= this.#options.sample * this.#options.ratio) this.#open();
    else this.#reset("closed");
  }

  #open(): void {
    this.#reset("open");
    this.#until = this.#now() + this.#options.pauseMs;
  }

  #reset(state: BreakerState): void {
    this.#state = state;
    this.#calls = 0;
    this.#failures = 0;
    this.#trial = false;
  }
}
