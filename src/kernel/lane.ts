// What the lanes of effects share: one entry per key with its newest want, what is known to be true, and the
// bookkeeping of retries. A lane holds all keys of one kind. `StillLane` is the one without a runner: it only
// keeps what is wanted. Invariant: `made` is set only while it is certain; a run that failed or was aborted
// leaves it unknown.

import { equal } from "./equal.ts";
import { LIMITS } from "./limits.ts";
import type { Effect, EffectResult, Ports, ReportMode, RunnerContext } from "./plugin.ts";
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

export const STOPPING: Failure = {
  ok: false,
  code: "ERR_STOPPING",
  text: "the node is stopping",
  retry: false,
};

/** "waiting" to run, "running", "true", "pausing" before the next try, "failed" until the want changes. */
export type EntryState = "waiting" | "running" | "true" | "pausing" | "failed";

export class Entry {
  effect: Effect;
  /** Revision that asked for the newest want. */
  revision: number;
  state: EntryState = "waiting";
  /** The effect that is certainly true, if any is. */
  made: Effect | undefined;
  attempts = 0;
  failure: Failure | undefined;
  /** Code of the failure that was reported last; cleared when it works again. */
  reported: string | undefined;
  waiters: ((result: EffectResult) => void)[] = [];

  constructor(effect: Effect, revision: number) {
    this.effect = effect;
    this.revision = revision;
  }

  get isMade(): boolean {
    return this.made !== undefined && equal(this.made.want, this.effect.want);
  }

  settle(result: EffectResult): void {
    const waiters = this.waiters;
    if (waiters.length === 0) return;
    this.waiters = [];
    for (const resolve of waiters) resolve(result);
  }

  settled(): Promise<EffectResult> {
    if (this.state === "true") return Promise.resolve({ ok: true });
    if (this.failure !== undefined && this.state !== "running") return Promise.resolve(this.failure);
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  failing(kind: string): FailingEffect | undefined {
    if (this.failure === undefined) return undefined;
    const { code, text = "", retry } = this.failure;
    return { kind, key: this.effect.key, code, text, attempts: this.attempts, retry };
  }
}

/** A thrown error as a result; unexpected ones are worth another try. */
export function thrown(error: unknown): Failure {
  const code = error instanceof Error && "code" in error ? String(error.code) : "ERR_INTERNAL";
  return { ok: false, code, text: error instanceof Error ? error.message : String(error), retry: true };
}

/** Exponential, capped, with full jitter: parts that failed together do not come back together. */
export function backoffMs(attempts: number, ports: Ports): number {
  const doublings = Math.min(attempts - 1, 20);
  const ceiling = Math.min(LIMITS.effectBackoffCapMs, LIMITS.effectBackoffMs * 2 ** doublings);
  return Math.ceil(ports.random.next() * ceiling);
}

/**
 * Says of a result what the runner's mode lets through; `reported` remembers, so that retries stay silent.
 */
export function report(kind: string, entry: Entry, result: EffectResult, mode: ReportMode, to: LaneContext) {
  if (mode === "none") return;
  const known = entry.reported;
  entry.reported = result.ok ? undefined : result.code;
  const worth = result.ok ? mode === "all" || known !== undefined : known !== result.code;
  if (worth) to.report({ effect: kind, key: entry.effect.key, revision: entry.revision, result });
}

export class StillLane implements Lane {
  readonly kind: string;
  readonly pending = 0;
  readonly busy = false;
  readonly #wants = new Map<string, Effect>();

  constructor(kind: string) {
    this.kind = kind;
  }

  get keys(): number {
    return this.#wants.size;
  }

  want(effect: Effect): void {
    if (effect.want === undefined) this.#wants.delete(effect.key);
    else this.#wants.set(effect.key, effect);
  }

  wanted(key: string): unknown {
    return this.#wants.get(key)?.want;
  }

  desired(): Iterable<Effect> {
    return this.#wants.values();
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
