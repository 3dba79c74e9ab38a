// Whether a part's event loop still turns: asked every few seconds, a part that leaves three questions in a row unanswered hangs.
// Generous, because ending a part that is only slow does more harm than waiting: noticed within 3 keepalives
// (docs/internals/processes.md section 1). Invariant: a question counts as missed only if the asker itself was there all the time, so that neither a
// suspended machine nor a stopped supervisor takes the blame to its parts.

import type { Clock } from "#kernel";

export const PULSE_EVERY_MS = 3_000;
export const MISSED_MAX = 3;

export interface PulseEvents {
  /** Sends a question; the answer comes by `answered`. */
  ask(): void;
  /** Questions in a row without an answer, fewer than the most. */
  missed(count: number): void;
  /** It answers again. */
  back(): void;
  dead(): void;
}

export class Pulse {
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #events: PulseEvents;
  #askedAt = 0;
  #answered = true;
  #missed = 0;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, everyMs: number, events: PulseEvents) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#events = events;
  }

  start(): void {
    if (this.#cancel === undefined) this.#ask();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#missed = 0;
  }

  /** A sign of life, asked for or not. */
  answered(): void {
    this.#answered = true;
    if (this.#missed === 0) return;
    this.#missed = 0;
    if (this.#cancel !== undefined) this.#events.back();
  }

  #ask(): void {
    this.#askedAt = this.#clock.monotonic();
    this.#answered = false;
    this.#cancel = this.#clock.after(this.#everyMs, () => this.#look());
    this.#events.ask();
  }

  #look(): void {
    const late = this.#clock.monotonic() - this.#askedAt > this.#everyMs * 1.5;
    if (!this.#answered && !late) {
      this.#missed += 1;
      if (this.#missed >= MISSED_MAX) {
        this.stop();
        this.#events.dead();
        return;
      }
      this.#events.missed(this.#missed);
    }
    this.#ask();
  }
}
