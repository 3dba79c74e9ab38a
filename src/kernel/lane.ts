// What the lanes of effects share: one entry per key with its newest want, and what is known to be true. A lane
// holds all keys of one kind. `StillLane` is the one without a runner: it only keeps what is wanted. Invariant:
// `made` is set only while it is certain; a run that failed or was aborted leaves it unknown.

import { equal } from "./equal.ts";
import type { Effect, EffectResult, Ports, RunnerContext } from "./plugin.ts";
import type { FailingEffect } from "./effects.ts";

/** A result on its way back into the loop. */
export interface Report {
  readonly effect: string;
  readonly key: string;
  readonly revision: number;
  readonly result: EffectResult;
}

export interface LaneContext {
  readonly ports: Ports;
  readonly emit: RunnerContext["emit"];
  readonly report: (report: Report) => void;
  /** Called when a lane has nothing waiting and nothing running any more. */
  readonly onIdle: () => void;
}

export interface Lane {
  want(effect: Effect, revision: number): void;
  start(): void;
  stop(): void;
  readonly keys: number;
  readonly pending: number;
  /** Something waits to run or runs. */
  readonly busy: boolean;
  wanted(key: string): unknown;
  desired(): Iterable<Effect>;
  failing(): FailingEffect[];
  settled(key: string): Promise<EffectResult>;
}

export type Failure = Extract<EffectResult, { ok: false }>;

/** "new", "waiting" to run, "running", "true", "pausing" before the next try, "failed" until the want changes. */
export type EntryState = "new" | "waiting" | "running" | "true" | "pausing" | "failed";

/** Nothing is certain; `undefined` is a want like any other. */
export const UNCERTAIN = Symbol("uncertain");

/** Small: a node holds one for each learned service, twice. */
export class Entry {
  readonly key: string;
  want: unknown;
  /** Revision that asked for the newest want. */
  revision: number;
  state: EntryState = "new";
  /** The want that is certainly true, if any is. */
  made: unknown = UNCERTAIN;
  attempts = 0;
  failure: Failure | undefined;
  /** Code of the failure that was reported last; cleared when it works again. */
  reported: string | undefined;
  #waiters: ((result: EffectResult) => void)[] | undefined;

  constructor(key: string, want: unknown, revision: number) {
    this.key = key;
    this.want = want;
    this.revision = revision;
  }

  get isMade(): boolean {
    return this.made !== UNCERTAIN && equal(this.made, this.want);
  }

  settle(result: EffectResult): void {
    const waiters = this.#waiters;
    if (waiters === undefined) return;
    this.#waiters = undefined;
    for (const resolve of waiters) resolve(result);
  }

  settled(): Promise<EffectResult> {
    if (this.state === "true") return Promise.resolve({ ok: true });
    if (this.failure !== undefined && this.state !== "running") return Promise.resolve(this.failure);
    return new Promise((resolve) => (this.#waiters ??= []).push(resolve));
  }

  failing(kind: string): FailingEffect | undefined {
    if (this.failure === undefined) return undefined;
    const { code, text = "", retry } = this.failure;
    return { kind, key: this.key, code, text, attempts: this.attempts, retry };
  }
}

export class StillLane implements Lane {
  readonly kind: string;
  readonly pending = 0;
  readonly busy = false;
  readonly #wants = new Map<string, unknown>();

  constructor(kind: string) {
    this.kind = kind;
  }

  get keys(): number {
    return this.#wants.size;
  }

  want(effect: Effect): void {
    if (effect.want === undefined) this.#wants.delete(effect.key);
    else this.#wants.set(effect.key, effect.want);
  }

  wanted(key: string): unknown {
    return this.#wants.get(key);
  }

  *desired(): Iterable<Effect> {
    for (const [key, want] of this.#wants) yield { kind: this.kind, key, want };
  }

  start(): void {}
  stop(): void {}
  failing(): FailingEffect[] {
    return [];
  }
  settled(): Promise<EffectResult> {
    return Promise.resolve({ ok: true });
  }
}
