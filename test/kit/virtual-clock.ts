// Time that stands still until a test moves it. Timers fire in the order of their time, then of their
// creation; promises settle between two of them, so that code which awaits and sets timers behaves as it does
// with the real clock.

import type { Clock, Millis, Ports, Random } from "#kernel";

interface Timer {
  readonly at: Millis;
  readonly run: () => void;
}

export class VirtualClock implements Clock {
  #now: Millis;
  readonly #timers = new Set<Timer>();

  constructor(now: Millis = 1_700_000_000_000) {
    this.#now = now;
  }

  now(): Millis {
    return this.#now;
  }

  monotonic(): Millis {
    return this.#now;
  }

  after(ms: Millis, run: () => void): () => void {
    const timer = { at: this.#now + ms, run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Timers that wait, as milliseconds from now, soonest first. */
  get waiting(): Millis[] {
    return [...this.#timers].map(({ at }) => at - this.#now).sort((a, b) => a - b);
  }

  /** Moves time without firing anything: a machine that stood still. */
  jump(ms: Millis): void {
    this.#now += ms;
  }

  async advance(ms: Millis): Promise<void> {
    const until = this.#now + ms;
    await settle();
    for (let next = this.#next(until); next !== undefined; next = this.#next(until)) {
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
      await settle();
    }
    this.#now = until;
  }

  #next(until: Millis): Timer | undefined {
    let best: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.at <= until && (best === undefined || timer.at < best.at)) best = timer;
    }
    return best;
  }
}

/** Lets everything run that waits for promises or `setImmediate`, not for time. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** The same numbers again and again: a seeded generator (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed | 0;
  return {
    next() {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
    },
  };
}

/** Ports for a loop under test; what is logged as an error is kept. */
export function virtualPorts(clock = new VirtualClock()): Ports & { clock: VirtualClock; errors: string[] } {
  const errors: string[] = [];
  const log = {
    debug() {},
    info() {},
    warn() {},
    error: (_: object, text: string) => void errors.push(text),
  };
  return { clock, random: seeded(1), log, errors };
}
