// One timer for ten thousand waiting probes: a hashed wheel of slots. Adding and cancelling cost O(1), a turn costs what is due.
// Invariant: nothing fires before its time, and at most one tick of the wheel late; an empty wheel keeps no timer.

import type { Clock } from "#kernel";

/** Granularity: far below the shortest sensible probe interval. */
export const TICK_MS = 25;
const SLOTS = 512;

interface Entry {
  rounds: number;
  readonly slot: number;
  readonly run: () => void;
}

export class Wheel {
  readonly #clock: Clock;
  readonly #slots: readonly Set<Entry>[] = Array.from({ length: SLOTS }, () => new Set<Entry>());
  #position = 0;
  #size = 0;
  #at = 0;
  #cancelTimer: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#size;
  }

  /** Runs `run` once after `ms`; the returned function cancels it. */
  after(ms: number, run: () => void): () => void {
    if (this.#size === 0) this.#at = this.#clock.monotonic();
    // One tick more, because the current one has begun already.
    const ticks = Math.ceil(ms / TICK_MS) + 1;
    const slot = (this.#position + ticks) % SLOTS;
    const entry: Entry = { rounds: Math.floor(ticks / SLOTS), slot, run };
    this.#slots[slot]?.add(entry);
    this.#size += 1;
    this.#arm();
    return () => {
      if (this.#slots[slot]?.delete(entry) === true) this.#size -= 1;
    };
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    for (const slot of this.#slots) slot.clear();
    this.#size = 0;
  }

  #arm(): void {
    if (this.#cancelTimer !== undefined || this.#size === 0) return;
    this.#cancelTimer = this.#clock.after(TICK_MS, () => {
      this.#cancelTimer = undefined;
      this.#turn();
      this.#arm();
    });
  }

  /** A loop that was held up turns several slots at once. */
  #turn(): void {
    const now = this.#clock.monotonic();
    while (this.#at + TICK_MS <= now && this.#size > 0) {
      this.#at += TICK_MS;
      this.#position = (this.#position + 1) % SLOTS;
      const slot = this.#slots[this.#position];
      for (const entry of slot ?? []) {
        if (entry.rounds > 0) {
          entry.rounds -= 1;
          continue;
        }
        slot?.delete(entry);
        this.#size -= 1;
        entry.run();
      }
    }
  }
}
