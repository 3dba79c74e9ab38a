// The smallest domain a loop can have: named counters. The kernel's own tests run on it, so that they prove
// the kernel generic.

import type { Commit, Delta, Event, StateStore, Types } from "#kernel";

export interface CounterEvent extends Event {
  readonly kind: "add" | "observe" | "tick";
  readonly name?: string;
  readonly by?: number;
}
export interface CounterDelta extends Delta {
  readonly kind: "set";
  readonly name: string;
  readonly value: number;
}
export interface CounterCommit extends Commit {
  readonly changed: readonly string[];
}
export interface CounterTypes extends Types {
  event: CounterEvent;
  delta: CounterDelta;
  commit: CounterCommit;
  view: ReadonlyMap<string, number>;
}

export class Counters implements StateStore<CounterTypes> {
  readonly #values = new Map<string, number>();
  #undo: { readonly name: string; readonly before: number | undefined }[] = [];
  #revision = 0;

  view(): ReadonlyMap<string, number> {
    return this.#values;
  }

  stage(deltas: readonly CounterDelta[]): void {
    for (const { name, value } of deltas) {
      if (!Number.isFinite(value)) throw new Error(`"${name}" is no number`);
      this.#undo.push({ name, before: this.#values.get(name) });
      this.#values.set(name, value);
    }
  }

  mark(): number {
    return this.#undo.length;
  }

  undo(mark: number): void {
    for (const { name, before } of this.#undo.splice(mark).reverse()) {
      if (before === undefined) this.#values.delete(name);
      else this.#values.set(name, before);
    }
  }

  commit(deltas: readonly CounterDelta[], at: number): CounterCommit {
    this.stage(deltas);
    const changed = [...new Set(this.#undo.map(({ name }) => name))];
    this.#undo = [];
    this.#revision += 1;
    return { revision: this.#revision, at, changed };
  }

  hash(): string {
    return JSON.stringify([this.#revision, ...[...this.#values].sort(([a], [b]) => (a < b ? -1 : 1))]);
  }
}
