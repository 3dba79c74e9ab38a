// Effects of one kind that are cheaper together: each run gets every key whose want is not true yet. One run
// at a time; what changes meanwhile waits for the next run and does not abort this one, for under steady
// churn nothing would ever finish. When a whole batch failed (the other side is away), new wants wait for the
// pause too; when only some keys failed, the others go on.

import { LIMITS } from "./limits.ts";
import {
  backoffMs,
  Entry,
  type Failure,
  type Lane,
  type LaneContext,
  report,
  STOPPING,
  thrown,
} from "./lane.ts";
import { equal } from "./equal.ts";
import type { BatchRunner, Effect, EffectResult } from "./plugin.ts";
import type { FailingEffect } from "./effects.ts";

type Run = BatchRunner["batch"];
type Results = EffectResult | readonly EffectResult[];

export class BatchLane implements Lane {
  readonly kind: string;
  readonly #run: Run;
  readonly #runner: BatchRunner<never>;
  readonly #context: LaneContext;
  readonly #entries = new Map<string, Entry>();
  #dirty = new Set<Entry>();
  /** Failed and worth another try when the pause ends. */
  readonly #retrying = new Set<Entry>();
  #running: AbortController | undefined;
  #cancelPause: (() => void) | undefined;
  /** Nothing worked in the last run. */
  #down = false;
  /** Runs in a row in which something failed. */
  #attempts = 0;
  #stopping = false;

  constructor(kind: string, runner: BatchRunner<never>, context: LaneContext) {
    this.kind = kind;
    this.#runner = runner;
    // As in key-lane.ts: a runner gets effects of its own kind only.
    this.#run = runner.batch as Run;
    this.#context = context;
  }

  want(effect: Effect, revision: number): void {
    const entry = this.#entries.get(effect.key);
    if (entry === undefined) {
      if (effect.want === undefined) return;
      const fresh = new Entry(effect, revision);
      this.#entries.set(effect.key, fresh);
      this.#dirty.add(fresh);
      return;
    }
    if (equal(entry.effect.want, effect.want)) return;
    entry.effect = effect;
    entry.revision = revision;
    entry.attempts = 0;
    entry.failure = undefined;
    // A running one stays "running" until its batch returns; being dirty is what brings it into the next.
    if (entry.state !== "running") entry.state = "waiting";
    this.#retrying.delete(entry);
    this.#dirty.add(entry);
  }

  start(): void {
    if (this.#stopping || this.#running !== undefined || this.#dirty.size === 0) return;
    if (this.#down && this.#cancelPause !== undefined) return;
    const batch: Entry[] = [];
    for (const entry of this.#dirty) {
      if (entry.isMade) this.#succeed(entry);
      else batch.push(entry);
    }
    this.#dirty = new Set();
    if (batch.length > 0) this.#begin(batch);
    else this.#context.onIdle();
  }

  stop(): void {
    this.#stopping = true;
    for (const entry of this.#entries.values()) entry.settle(STOPPING);
    this.#cancelPause?.();
    this.#cancelPause = undefined;
    this.#dirty.clear();
    this.#retrying.clear();
    this.#running?.abort(new Error("the node is stopping"));
  }

  get keys(): number {
    return this.#entries.size;
  }

  get pending(): number {
    let count = 0;
    for (const entry of this.#entries.values()) if (entry.state !== "true") count += 1;
    return count;
  }

  get busy(): boolean {
    if (this.#running !== undefined) return true;
    return this.#dirty.size > 0 && !(this.#down && this.#cancelPause !== undefined);
  }

  wanted(key: string): unknown {
    return this.#entries.get(key)?.effect.want;
  }

  *desired(): Iterable<Effect> {
    for (const entry of this.#entries.values()) if (entry.effect.want !== undefined) yield entry.effect;
  }

  failing(): FailingEffect[] {
    return [...this.#entries.values()].flatMap((entry) => entry.failing(this.kind) ?? []);
  }

  settled(key: string): Promise<EffectResult> {
    return this.#entries.get(key)?.settled() ?? Promise.resolve({ ok: true });
  }

  #begin(batch: readonly Entry[]): void {
    const { ports, emit } = this.#context;
    const controller = new AbortController();
    this.#running = controller;
    const effects = batch.map((entry) => entry.effect);
    let revision = 0;
    for (const entry of batch) {
      entry.state = "running";
      entry.attempts += 1;
      revision = Math.max(revision, entry.revision);
    }
    let late: Failure | undefined;
    const deadlineMs = this.#runner.deadlineMs ?? LIMITS.effectDeadlineMs;
    const cancelDeadline = ports.clock.after(deadlineMs, () => {
      late = { ok: false, code: "ERR_TIMEOUT", text: `no result after ${deadlineMs} ms`, retry: true };
      batch.forEach((entry, i) => {
        if (entry.effect === effects[i]) entry.failure = late;
      });
      controller.abort(new Error(late.text));
    });
    const end = (results: Results) => {
      cancelDeadline();
      this.#end(batch, effects, results);
    };
    const call = async () => await this.#run(effects, { ...ports, emit, revision }, controller.signal);
    call().then(end, (error: unknown) => end(late ?? thrown(error)));
  }

  #end(batch: readonly Entry[], effects: readonly Effect[], results: Results): void {
    this.#running = undefined;
    let failed = 0;
    batch.forEach((entry, i) => {
      const result = isList(results) ? (results[i] ?? MISSING) : results;
      if (!result.ok) failed += 1;
      entry.made = result.ok ? effects[i] : undefined;
      if (entry.effect !== effects[i]) entry.state = "waiting";
      else if (result.ok) this.#succeed(entry);
      else this.#fail(entry, result);
    });
    this.#down = failed === batch.length;
    this.#attempts = failed === 0 ? 0 : this.#attempts + 1;
    if (!this.#stopping && this.#retrying.size > 0) this.#pause();
    this.start();
    if (!this.busy) this.#context.onIdle();
  }

  #pause(): void {
    if (this.#cancelPause !== undefined) return;
    const { ports } = this.#context;
    this.#cancelPause = ports.clock.after(backoffMs(this.#attempts, ports), () => {
      this.#cancelPause = undefined;
      for (const entry of this.#retrying) {
        entry.state = "waiting";
        this.#dirty.add(entry);
      }
      this.#retrying.clear();
      this.start();
    });
  }

  #succeed(entry: Entry): void {
    entry.state = "true";
    entry.attempts = 0;
    entry.failure = undefined;
    if (entry.effect.want === undefined) this.#entries.delete(entry.effect.key);
    report(this.kind, entry, { ok: true }, this.#runner.report ?? "none", this.#context);
    entry.settle({ ok: true });
  }

  #fail(entry: Entry, failure: Failure): void {
    entry.failure = failure;
    entry.state = failure.retry ? "pausing" : "failed";
    if (failure.retry) this.#retrying.add(entry);
    report(this.kind, entry, failure, this.#runner.report ?? "none", this.#context);
    entry.settle(failure);
  }
}

const MISSING: Failure = {
  ok: false,
  code: "ERR_INTERNAL",
  text: "the runner answered with fewer results than effects",
  retry: true,
};

const isList = (results: Results): results is readonly EffectResult[] => Array.isArray(results);
