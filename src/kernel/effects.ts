// Makes the desired state true. Plugins say what should be (kind, key, want); runners do it, asynchronously,
// outside the loop. Only the newest want of a key counts: an equal one changes nothing, a newer one cancels
// the run of the older (by key), and one key never runs twice at once. What fails is tried again with
// exponential backoff and full jitter, until it works or a newer want comes. Time and randomness are ports.
// With `on: false` (replay, benchmark) wants are only kept, to be compared.

import { BatchLane } from "./batch-lane.ts";
import { KernelError } from "./errors.ts";
import { KeyLane } from "./key-lane.ts";
import { type Lane, type LaneContext, type Report, StillLane } from "./lane.ts";
import type { Effect, EffectResult, Ports, Runners } from "./plugin.ts";

export interface EffectsOptions {
  readonly runners: Runners;
  readonly ports: Ports;
  /** Results that a runner's `report` mode lets through. */
  readonly onReport: (report: Report) => void;
  /** What runners observe. */
  readonly emit: (event: { readonly kind: string; readonly [field: string]: unknown }) => void;
  readonly on: boolean;
}

export interface FailingEffect {
  readonly kind: string;
  readonly key: string;
  readonly code: string;
  readonly text: string;
  /** Runs since it last worked or the want last changed. */
  readonly attempts: number;
  /** False: left alone until the want changes. */
  readonly retry: boolean;
}

export interface EffectsStatus {
  /** Keys that a runner looks after. */
  readonly keys: number;
  /** Of these: not yet true (waiting, running or failing). */
  readonly pending: number;
  readonly failing: readonly FailingEffect[];
}

export class Effects<E extends Effect = Effect> {
  readonly #lanes = new Map<string, Lane>();
  readonly #context: LaneContext;
  readonly #options: EffectsOptions;
  #idle: (() => void)[] = [];
  #stopping = false;

  constructor(options: EffectsOptions) {
    this.#options = options;
    this.#context = {
      ports: options.ports,
      emit: options.emit,
      report: options.onReport,
      onIdle: () => this.#wake(),
    };
    if (options.on) for (const kind of Object.keys(options.runners)) this.#lane(kind);
  }

  /** Takes over what one commit asked for. Runs nothing yet: `start` does, after the loop's turn. */
  want(effects: readonly E[], revision: number): void {
    if (this.#stopping) return;
    for (const effect of effects) this.#lane(effect.kind).want(effect, revision);
  }

  /** Begins to run what is waiting, as far as each kind's concurrency allows. */
  start(): void {
    if (this.#stopping) return;
    for (const lane of this.#lanes.values()) lane.start();
  }

  /** What should be true now, as a plugin last said it. */
  wanted(kind: E["kind"], key: string): E["want"] | undefined {
    return this.#lanes.get(kind)?.wanted(key);
  }

  /** Everything that should be true. */
  *desired(): Iterable<Effect> {
    for (const lane of this.#lanes.values()) yield* lane.desired();
  }

  /**
   * Resolves with the first result for the newest want of this key; at once when it is true, failing or not
   * wanted.
   */
  settled(kind: E["kind"], key: string): Promise<EffectResult> {
    return this.#lanes.get(kind)?.settled(key) ?? Promise.resolve({ ok: true });
  }

  status(): EffectsStatus {
    let keys = 0;
    let pending = 0;
    const failing: FailingEffect[] = [];
    for (const lane of this.#lanes.values()) {
      keys += lane.keys;
      pending += lane.pending;
      failing.push(...lane.failing());
    }
    return { keys, pending, failing };
  }

  /**
   * Resolves when nothing waits and nothing runs. What failed and pauses before the next try is not waited
   * for.
   */
  async drain(): Promise<void> {
    while ([...this.#lanes.values()].some((lane) => lane.busy)) {
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
  }

  /** Aborts what runs, cancels what pauses, and resolves when every runner has returned. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const lane of this.#lanes.values()) lane.stop();
    await this.drain();
  }

  #wake(): void {
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }

  #lane(kind: string): Lane {
    return this.#lanes.get(kind) ?? this.#open(kind);
  }

  #open(kind: string): Lane {
    const runner = this.#options.on ? this.#options.runners[kind] : undefined;
    const lane =
      runner === undefined
        ? new StillLane(kind)
        : typeof runner === "function"
          ? new KeyLane(kind, { run: runner }, this.#context)
          : "batch" in runner
            ? new BatchLane(kind, runner, this.#context)
            : new KeyLane(kind, runner, this.#context);
    this.#lanes.set(kind, lane);
    return lane;
  }
}

/** One table of runners; a kind that two parties want to run is an error. */
export function mergeRunners(all: readonly { readonly from: string; readonly runners: Runners }[]): Runners {
  const merged: Record<string, Runners[string]> = {};
  const owners = new Map<string, string>();
  for (const { from, runners } of all) {
    for (const [kind, runner] of Object.entries(runners)) {
      const owner = owners.get(kind);
      if (owner !== undefined) {
        throw new KernelError("ERR_PLUGIN_LOAD", `${owner} and ${from} both run effects of kind "${kind}"`);
      }
      owners.set(kind, from);
      merged[kind] = runner;
    }
  }
  return merged;
}
