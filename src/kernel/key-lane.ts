// Effects of one kind whose keys run each for itself. A newer want aborts the run of the older one and begins
// when that has returned: one key never runs twice at once, even when a runner is slow to hear its signal. A
// run past its deadline is aborted and shown as failing at once. At most `concurrency` keys run; the others
// wait in order.

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
import type { Effect, EffectResult, EffectRunner, KeyRunner } from "./plugin.ts";
import type { FailingEffect } from "./effects.ts";
import { Queue } from "./queue.ts";

/** What a run in progress can be told. */
interface Run {
  readonly controller: AbortController;
  readonly effect: Effect;
  cancelDeadline: () => void;
}

const SUPERSEDED = "a newer want came";
const STOPPED = "the node is stopping";

export class KeyLane implements Lane {
  readonly kind: string;
  readonly #run: EffectRunner;
  readonly #runner: KeyRunner<never>;
  readonly #context: LaneContext;
  readonly #concurrency: number;
  readonly #entries = new Map<string, Entry>();
  readonly #runs = new Map<Entry, Run>();
  readonly #pauses = new Map<Entry, () => void>();
  readonly #waiting = new Queue<Entry>();
  #stopping = false;

  constructor(kind: string, runner: KeyRunner<never>, context: LaneContext) {
    this.kind = kind;
    this.#runner = runner;
    // The loop hands each runner only effects of its own kind, which is what its type promises.
    this.#run = runner.run as EffectRunner;
    this.#context = context;
    this.#concurrency = Math.max(1, runner.concurrency ?? LIMITS.effectConcurrency);
  }

  want(effect: Effect, revision: number): void {
    const entry = this.#entries.get(effect.key);
    if (entry === undefined) {
      if (effect.want === undefined) return;
      const fresh = new Entry(effect, revision);
      this.#entries.set(effect.key, fresh);
      this.#waiting.push(fresh);
      return;
    }
    if (equal(entry.effect.want, effect.want)) return;
    entry.effect = effect;
    entry.revision = revision;
    entry.attempts = 0;
    entry.failure = undefined;
    if (entry.state === "running") {
      this.#runs.get(entry)?.controller.abort(new Error(SUPERSEDED));
    } else if (entry.state !== "waiting") {
      this.#unpause(entry);
      this.#enqueue(entry);
    }
  }

  start(): void {
    if (this.#stopping) return;
    while (this.#runs.size < this.#concurrency) {
      const entry = this.#waiting.take();
      if (entry === undefined) return;
      // The want may have come back to what is true while it waited.
      if (entry.isMade) this.#succeed(entry);
      else this.#begin(entry);
    }
  }

  stop(): void {
    this.#stopping = true;
    for (const entry of this.#entries.values()) entry.settle(STOPPING);
    for (const cancel of this.#pauses.values()) cancel();
    this.#pauses.clear();
    while (this.#waiting.take() !== undefined);
    for (const run of this.#runs.values()) run.controller.abort(new Error(STOPPED));
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
    return this.#runs.size > 0 || this.#waiting.size > 0;
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

  #begin(entry: Entry): void {
    const { ports } = this.#context;
    const run: Run = { controller: new AbortController(), effect: entry.effect, cancelDeadline: () => {} };
    const deadlineMs = this.#runner.deadlineMs ?? LIMITS.effectDeadlineMs;
    run.cancelDeadline = ports.clock.after(deadlineMs, () => {
      const text = `no result after ${deadlineMs} ms`;
      if (entry.effect === run.effect) entry.failure = { ok: false, code: "ERR_TIMEOUT", text, retry: true };
      run.controller.abort(new Error(text));
    });
    entry.state = "running";
    entry.attempts += 1;
    this.#runs.set(entry, run);
    const context = { ...ports, emit: this.#context.emit, revision: entry.revision };
    // A runner may throw before its first await; the async wrapper makes that a result like any other.
    const call = async () => await this.#run(run.effect, context, run.controller.signal);
    call().then(
      (result) => this.#end(entry, run, result),
      (error: unknown) => this.#end(entry, run, thrown(error)),
    );
  }

  #end(entry: Entry, run: Run, result: EffectResult): void {
    run.cancelDeadline();
    this.#runs.delete(entry);
    entry.made = result.ok ? run.effect : undefined;
    if (this.#stopping) entry.state = "failed";
    else if (entry.effect !== run.effect) this.#enqueue(entry);
    else if (result.ok) this.#succeed(entry);
    // A deadline's own text says more than the abort error that followed from it.
    else this.#fail(entry, entry.failure?.code === "ERR_TIMEOUT" ? entry.failure : result);
    this.start();
    if (!this.busy) this.#context.onIdle();
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
    if (failure.retry) this.#pause(entry);
    report(this.kind, entry, failure, this.#runner.report ?? "none", this.#context);
    entry.settle(failure);
  }

  #pause(entry: Entry): void {
    const { ports } = this.#context;
    const cancel = ports.clock.after(backoffMs(entry.attempts, ports), () => {
      this.#pauses.delete(entry);
      this.#enqueue(entry);
      this.start();
    });
    this.#pauses.set(entry, cancel);
  }

  #unpause(entry: Entry): void {
    this.#pauses.get(entry)?.();
    this.#pauses.delete(entry);
  }

  #enqueue(entry: Entry): void {
    entry.state = "waiting";
    this.#waiting.push(entry);
  }
}
