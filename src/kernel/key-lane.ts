// Effects of one kind whose keys run each for itself. A newer want aborts the run of the older one and begins
// when that has returned: one key never runs twice at once, even when a runner is slow to hear its signal. A
// run past its deadline is aborted and shown as failing at once. At most `concurrency` keys run; the others
// wait in order.

import { LIMITS } from "./limits.ts";
import { type Entry, type LaneContext, UNCERTAIN } from "./lane.ts";
import type { Effect, EffectResult, EffectRunner, KeyRunner } from "./plugin.ts";
import { Queue } from "./queue.ts";
import { backoffMs, RunLane, thrown } from "./run-lane.ts";

/** What a run in progress can be told. */
interface Run {
  readonly controller: AbortController;
  readonly effect: Effect;
  /** Another one of the entry says that the want changed meanwhile, also when it came back to the same. */
  readonly revision: number;
  readonly cancelDeadline: () => void;
}

const SUPERSEDED = "a newer want came";
const STOPPED = "the node is stopping";

export class KeyLane extends RunLane {
  readonly #run: EffectRunner;
  readonly #concurrency: number;
  readonly #runs = new Map<Entry, Run>();
  readonly #pauses = new Map<Entry, () => void>();
  readonly #waiting = new Queue<Entry>();

  constructor(kind: string, runner: KeyRunner<never>, context: LaneContext) {
    super(kind, runner, context);
    // The loop hands each runner only effects of its own kind, which is what its type promises.
    this.#run = runner.run as EffectRunner;
    this.#concurrency = Math.max(1, runner.concurrency ?? LIMITS.effectConcurrency);
  }

  get busy(): boolean {
    return this.#runs.size > 0 || this.#waiting.size > 0;
  }

  start(): void {
    if (this.stopping) return;
    while (this.#runs.size < this.#concurrency) {
      const entry = this.#waiting.take();
      if (entry === undefined) return;
      // The want may have come back to what is true while it waited.
      if (entry.isMade) this.succeed(entry);
      else this.#begin(entry);
    }
  }

  protected changed(entry: Entry): void {
    if (entry.state === "running") {
      this.#runs.get(entry)?.controller.abort(new Error(SUPERSEDED));
    } else if (entry.state !== "waiting") {
      this.#unpause(entry);
      this.#enqueue(entry);
    }
  }

  protected halt(): void {
    for (const cancel of this.#pauses.values()) cancel();
    this.#pauses.clear();
    while (this.#waiting.take() !== undefined);
    for (const run of this.#runs.values()) run.controller.abort(new Error(STOPPED));
  }

  protected retry(entry: Entry): void {
    const { ports } = this.context;
    const cancel = ports.clock.after(backoffMs(entry.attempts, ports), () => {
      this.#pauses.delete(entry);
      this.#enqueue(entry);
      this.start();
    });
    this.#pauses.set(entry, cancel);
  }

  #begin(entry: Entry): void {
    const { emit, ports } = this.context;
    const controller = new AbortController();
    const effect = this.effect(entry);
    const { revision } = entry;
    const cancelDeadline = this.deadline(controller, (failure) => {
      if (entry.revision === revision) entry.failure = failure;
    });
    const run: Run = { controller, effect, revision, cancelDeadline };
    entry.state = "running";
    entry.attempts += 1;
    this.#runs.set(entry, run);
    const context = { ...ports, emit, revision };
    // A runner may throw before its first await; the async wrapper makes that a result like any other.
    const call = async () => await this.#run(effect, context, controller.signal);
    call().then(
      (result) => this.#end(entry, run, result),
      (error: unknown) => this.#end(entry, run, thrown(error)),
    );
  }

  #end(entry: Entry, run: Run, result: EffectResult): void {
    run.cancelDeadline();
    this.#runs.delete(entry);
    entry.made = result.ok ? run.effect.want : UNCERTAIN;
    if (this.stopping) entry.state = "failed";
    else if (entry.revision !== run.revision) this.#enqueue(entry);
    else if (result.ok) this.succeed(entry);
    // A deadline's own text says more than the abort error that followed from it.
    else this.fail(entry, entry.failure?.code === "ERR_TIMEOUT" ? entry.failure : result);
    this.start();
    if (!this.busy) this.context.onIdle();
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
