// Holds the first publication back until the orchestrator knows what it did before it was restarted: keys, answers of the
// first probes, schemas. Envoy and the gateway go on with what they have meanwhile, so a restart takes nothing away from them.
// Invariant: opens once and never closes; not before all that is to be expected was named, however long that takes a busy machine
// (what is not yet remembered would be taken away), and after its time from then on whatever is missing, so that one silent
// service holds nobody.

import type { Clock } from "#kernel";

export class Gate {
  readonly opened: Promise<void>;
  readonly #missing = new Set<string>();
  readonly #clock: Clock;
  readonly #atMostMs: number;
  #cancel: (() => void) | undefined;
  #sealed = false;
  #isOpen = false;
  #open: () => void = () => {};

  constructor(clock: Clock, atMostMs: number) {
    this.opened = new Promise((resolve) => (this.#open = resolve));
    this.#clock = clock;
    this.#atMostMs = atMostMs;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** What is still missing, for the log and `status`. */
  missing(): readonly string[] {
    return [...this.#missing];
  }

  expect(what: string): void {
    if (!this.#isOpen) this.#missing.add(what);
  }

  arrived(what: string): void {
    this.#missing.delete(what);
    if (this.#sealed && this.#missing.size === 0) this.#now();
  }

  /** Everything that is to be expected was named; from here on its time runs. */
  seal(): void {
    this.#sealed = true;
    if (this.#missing.size === 0) this.#now();
    else this.#cancel ??= this.#clock.after(this.#atMostMs, () => this.#now());
  }

  #now(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#cancel?.();
    this.#open();
  }
}
