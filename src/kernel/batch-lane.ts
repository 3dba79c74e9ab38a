// Effects of one kind that are cheaper together: each run gets every key whose want is not true yet. One run
// at a time; what changes meanwhile waits for the next run and does not abort this one, for under steady
// churn nothing would ever finish. When a whole batch failed (the other side is away), new wants wait for the
// pause too; when only some keys failed, the others go on.

import { type Entry, type Failure, type LaneContext, UNCERTAIN } from "./lane.ts";
import type { BatchRunner, Effect, EffectResult } from "./plugin.ts";
import { backoffMs, RunLane, thrown } from "./run-lane.ts";

type Run = BatchRunner["batch"];
type Results = EffectResult | readonly EffectResult[];

/** What ran, and of which revisions: a want that changed meanwhile has another, also when it came back to the same. */
interface Ended {
  readonly effects: readonly Effect[];
  readonly revisions: readonly number[];
  readonly results: Results;
}

export class BatchLane extends RunLane {
  readonly #run: Run;
  #dirty = new Set<Entry>();
  /** Failed and worth another try when the pause ends. */
  readonly #retrying = new Set<Entry>();
  #running: AbortController | undefined;
  #cancelPause: (() => void) | undefined;
  /** Nothing worked in the last run. */
  #down = false;
  /** Runs in a row in which something failed. */
  #attempts = 0;

  constructor(kind: string, runner: BatchRunner<never>, context: LaneContext) {
    super(kind, runner, context);
    // As in key-lane.ts: a runner gets effects of its own kind only.
    this.#run = runner.batch as Run;
  }

  get busy(): boolean {
    if (this.#running !== undefined) return true;
    return this.#dirty.size > 0 && !(this.#down && this.#cancelPause !== undefined);
  }

  start(): void {
    if (this.stopping || this.#running !== undefined || this.#dirty.size === 0) return;
    if (this.#down && this.#cancelPause !== undefined) return;
    const batch: Entry[] = [];
    for (const entry of this.#dirty) {
      if (entry.isMade) this.succeed(entry);
      else batch.push(entry);
    }
    this.#dirty = new Set();
    if (batch.length > 0) this.#begin(batch);
    else this.context.onIdle();
  }

  protected changed(entry: Entry): void {
    // A running one stays "running" until its batch returns; being dirty is what brings it into the next.
    if (entry.state !== "running") entry.state = "waiting";
    this.#retrying.delete(entry);
    this.#dirty.add(entry);
  }

  protected halt(): void {
    this.#cancelPause?.();
    this.#cancelPause = undefined;
    this.#dirty.clear();
    this.#retrying.clear();
    this.#running?.abort(new Error("the node is stopping"));
  }

  protected retry(entry: Entry): void {
    this.#retrying.add(entry);
  }

  #begin(batch: readonly Entry[]): void {
    const { ports, emit } = this.context;
    const controller = new AbortController();
    this.#running = controller;
    const effects = batch.map((entry) => this.effect(entry));
    const revisions = batch.map((entry) => entry.revision);
    for (const entry of batch) {
      entry.state = "running";
      entry.attempts += 1;
    }
    let late: Failure | undefined;
    const cancelDeadline = this.deadline(controller, (failure) => {
      late = failure;
      batch.forEach((entry, i) => {
        if (entry.revision === revisions[i]) entry.failure = failure;
      });
    });
    const end = (results: Results) => {
      cancelDeadline();
      this.#end(batch, { effects, revisions, results });
    };
    const revision = revisions.reduce((newest, one) => Math.max(newest, one), 0);
    const call = async () => await this.#run(effects, { ...ports, emit, revision }, controller.signal);
    call().then(end, (error: unknown) => end(late ?? thrown(error)));
  }

  #end(batch: readonly Entry[], { effects, revisions, results }: Ended): void {
    this.#running = undefined;
    let failed = 0;
    batch.forEach((entry, i) => {
      const result = isList(results) ? (results[i] ?? MISSING) : results;
      if (!result.ok) failed += 1;
      const made = effects[i]?.want;
      entry.made = result.ok ? made : UNCERTAIN;
      if (entry.revision !== revisions[i]) entry.state = "waiting";
      else if (result.ok) this.succeed(entry);
      else this.fail(entry, result);
    });
    this.#down = failed === batch.length;
    this.#attempts = failed === 0 ? 0 : this.#attempts + 1;
    if (!this.stopping && this.#retrying.size > 0) this.#pause();
    this.start();
    if (!this.busy) this.context.onIdle();
  }

  #pause(): void {
    if (this.#cancelPause !== undefined) return;
    const { ports } = this.context;
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
}

const MISSING: Failure = {
  ok: false,
  code: "ERR_INTERNAL",
  text: "the runner answered with fewer results than effects",
  retry: true,
};

const isList = (results: Results): results is readonly EffectResult[] => Array.isArray(results);
