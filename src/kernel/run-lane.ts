// What a lane with a runner does alike, whether its keys run alone or together: takes wants in, says how they
// stand, and keeps the books of what came of a run, retries and reports included. When something runs, and what
// a pause holds up, is the lane's own. Invariant: an entry whose want is gone and true is forgotten.

import { LIMITS } from "./limits.ts";
import { equal } from "./equal.ts";
import { Entry, type Failure, type Lane, type LaneContext } from "./lane.ts";
import type { Effect, EffectResult, Ports, RunnerOptions } from "./plugin.ts";
import type { FailingEffect } from "./effects.ts";

const STOPPING: Failure = {
  ok: false,
  code: "ERR_STOPPING",
  text: "the node is stopping",
  retry: false,
};

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

export abstract class RunLane implements Lane {
  readonly kind: string;
  protected readonly context: LaneContext;
  protected readonly entries = new Map<string, Entry>();
  protected stopping = false;
  readonly #options: RunnerOptions;

  constructor(kind: string, options: RunnerOptions, context: LaneContext) {
    this.kind = kind;
    this.context = context;
    this.#options = options;
  }

  abstract readonly busy: boolean;
  abstract start(): void;
  /** A want that is new, or another than before; its entry says so already. */
  protected abstract changed(entry: Entry): void;
  protected abstract halt(): void;
  protected abstract retry(entry: Entry): void;

  want(effect: Effect, revision: number): void {
    const entry = this.entries.get(effect.key);
    if (entry === undefined) {
      if (effect.want === undefined) return;
      const fresh = new Entry(effect.key, effect.want, revision);
      this.entries.set(effect.key, fresh);
      return this.changed(fresh);
    }
    if (equal(entry.want, effect.want)) return;
    entry.want = effect.want;
    entry.revision = revision;
    entry.attempts = 0;
    entry.failure = undefined;
    this.changed(entry);
  }

  stop(): void {
    this.stopping = true;
    for (const entry of this.entries.values()) entry.settle(STOPPING);
    this.halt();
  }

  get keys(): number {
    return this.entries.size;
  }

  get pending(): number {
    let count = 0;
    for (const entry of this.entries.values()) if (entry.state !== "true") count += 1;
    return count;
  }

  wanted(key: string): unknown {
    return this.entries.get(key)?.want;
  }

  *desired(): Iterable<Effect> {
    for (const entry of this.entries.values()) if (entry.want !== undefined) yield this.effect(entry);
  }

  failing(): FailingEffect[] {
    return [...this.entries.values()].flatMap((entry) => entry.failing(this.kind) ?? []);
  }

  settled(key: string): Promise<EffectResult> {
    return this.entries.get(key)?.settled() ?? Promise.resolve({ ok: true });
  }

  /** As a runner gets it; made for each run, for most entries are true and only kept. */
  protected effect({ key, want }: Entry): Effect {
    return { kind: this.kind, key, want };
  }

  /** Aborts what runs longer than the runner may; `late` hears of it first. Returns the way to call it off. */
  protected deadline(controller: AbortController, late: (failure: Failure) => void): () => void {
    const deadlineMs = this.#options.deadlineMs ?? LIMITS.effectDeadlineMs;
    return this.context.ports.clock.after(deadlineMs, () => {
      const text = `no result after ${deadlineMs} ms`;
      late({ ok: false, code: "ERR_TIMEOUT", text, retry: true });
      controller.abort(new Error(text));
    });
  }

  protected succeed(entry: Entry): void {
    entry.state = "true";
    entry.attempts = 0;
    entry.failure = undefined;
    if (entry.want === undefined) this.entries.delete(entry.key);
    this.#report(entry, { ok: true });
    entry.settle({ ok: true });
  }

  protected fail(entry: Entry, failure: Failure): void {
    entry.failure = failure;
    entry.state = failure.retry ? "pausing" : "failed";
    if (failure.retry) this.retry(entry);
    this.#report(entry, failure);
    entry.settle(failure);
  }

  /** What the runner's mode lets through; `reported` remembers, so that retries stay silent. */
  #report(entry: Entry, result: EffectResult): void {
    const mode = this.#options.report ?? "none";
    if (mode === "none") return;
    const known = entry.reported;
    entry.reported = result.ok ? undefined : result.code;
    const worth = result.ok ? mode === "all" || known !== undefined : known !== result.code;
    if (!worth) return;
    this.context.report({ effect: this.kind, key: entry.key, revision: entry.revision, result });
  }
}
