// The public contract of a plugin, and the shapes that pass through the loop: Event in, Delta proposed,
// Commit accepted, Effect out. Generic on purpose: the kernel knows no domain noun; `routing/plugin.ts`
// narrows these to the four named extension points. Invariant: `apply` and `react` are synchronous and pure
// (no clock, no randomness, no I/O); the time is `event.at`. So a recorded run can be replayed to the same
// states.

/** Milliseconds since the Unix epoch, or a duration in milliseconds where the name says so. */
export type Millis = number;

/**
 * Input of the loop. `at` is the only clock a plugin sees. Events are plain JSON, so that they can be
 * recorded.
 */
export interface Event {
  readonly kind: string;
  readonly at: Millis;
}

/** A proposed change of the state: data, never a function. */
export interface Delta {
  readonly kind: string;
}

/** What the store accepted as one revision. */
export interface Commit {
  readonly revision: number;
  readonly at: Millis;
}

/** First value before and last value after, per key, of one commit. */
export type Changes<K, V> = ReadonlyMap<K, { readonly before?: V; readonly after?: V }>;

/**
 * Desired state under (kind, key). `want: undefined` takes it away. The newest one wins; runners never see
 * older ones.
 */
export interface Effect {
  readonly kind: string;
  readonly key: string;
  readonly want: unknown;
}

export type EffectResult =
  | { readonly ok: true; readonly detail?: unknown }
  | { readonly ok: false; readonly code: string; readonly text?: string; readonly retry: boolean };

/** Receives what a plugin proposes. */
export interface Out<T> {
  push(item: T): void;
}

/**
 * Why something was not done, for whoever submitted the event. Plain data: `code` is one of the product's
 * error codes.
 */
export interface Refusal {
  readonly code: string;
  /** Lower case, no full stop, names the thing. */
  readonly text: string;
  /** A command or an action that helps. */
  readonly hint?: string;
  /** What it is about, when an event speaks of several things. */
  readonly subject?: string;
}

/** What phase 1 may answer besides deltas. */
export interface Proposals<T> extends Out<T> {
  /** The whole event is void: what any plugin proposed for it is taken back, later plugins do not see it. */
  refuse(refusal: Refusal): void;
  /** One part of the event could not be done; the rest goes on. */
  report(problem: Refusal): void;
}

/** What one loop is made of. `event`, `delta`, `commit` and `effect` are unions discriminated by `kind`. */
export interface Types {
  event: Event;
  delta: Delta;
  commit: Commit;
  view: unknown;
  effect: Effect;
}

/**
 * The outside world, handed to runners; the only way from a plugin to time, randomness and the event queue.
 */
export interface Ports {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface Clock {
  /** Wall clock, Unix epoch. */
  now(): Millis;
  /** Never jumps; for durations only. */
  monotonic(): Millis;
  /** Runs `run` once after `ms`; the returned function cancels it. */
  after(ms: Millis, run: () => void): () => void;
}

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
}

/** Structured log; secrets never go in. */
export interface Log {
  debug(fields: object, text: string): void;
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
}

/**
 * Runs `run` soon, after the caller returned: how the loop yields between commits (`setImmediate` in a node).
 */
export type Schedule = (run: () => void) => void;

/**
 * What of a runner's results comes back as events. "none" (default): nothing, `status` shows what fails; for
 * high volumes such as probes. "changes": `effect.failed` when a key begins to fail or fails otherwise,
 * `effect.done` when it works again; never one per retry. "all": also `effect.done` for each success.
 */
export type ReportMode = "none" | "changes" | "all";

export interface RunnerOptions {
  /** Time one run may take before its signal aborts; default `LIMITS.effectDeadlineMs`. */
  readonly deadlineMs?: Millis;
  readonly report?: ReportMode;
}

/**
 * Makes one desired state true; called again with the newest want when it failed with `retry`. Never called
 * twice at once for one key.
 */
export type EffectRunner<E extends Effect = Effect> = (
  effect: E,
  context: RunnerContext,
  signal: AbortSignal,
) => Promise<EffectResult>;

/**
 * An `EffectRunner` with options. `concurrency` bounds how many keys of the kind run at once; default
 * `LIMITS.effectConcurrency`.
 */
export interface KeyRunner<E extends Effect = Effect> extends RunnerOptions {
  readonly run: EffectRunner<E>;
  readonly concurrency?: number;
}

/**
 * The same for effects that are cheaper together (one push to Envoy, one graph): all wants that changed since
 * the last call. One batch of a kind runs at a time. Newer wants wait for it instead of aborting it, for
 * steady churn would starve it. An array of results stands in the order of the effects.
 */
export interface BatchRunner<E extends Effect = Effect> extends RunnerOptions {
  readonly batch: (
    effects: readonly E[],
    context: RunnerContext,
    signal: AbortSignal,
  ) => Promise<EffectResult | readonly EffectResult[]>;
}

export interface RunnerContext extends Ports {
  /** Brings what was observed back into the loop; `at` is set by the loop's clock when left out. */
  emit(event: { readonly kind: string; readonly [field: string]: unknown }): void;
  /** Revision whose reaction asked for this effect. */
  readonly revision: number;
}

/** By effect kind. A kind has one runner, whoever brings it. */
export interface Runners {
  readonly [kind: string]: EffectRunner<never> | KeyRunner<never> | BatchRunner<never>;
}

/** Standard Schema v1, the part that is used: validates a plugin's `with` before start. */
export interface ConfigSchema<Config = unknown> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Config> | Promise<SchemaResult<Config>>;
  };
}
export type SchemaResult<Config> =
  | { readonly value: Config; readonly issues?: undefined }
  | {
      readonly issues: readonly {
        readonly message: string;
        readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
      }[];
    };

export interface Plugin<T extends Types = Types, Proposes extends T["delta"] = T["delta"]> {
  readonly name: string;
  readonly apiVersion: 1;
  /** Names of plugins that run before this one; checked when the node starts. */
  readonly requires?: readonly string[];
  /** Where a plugin from outside stands: before ("pre") or after ("post", default) the built-in ones. */
  readonly order?: "pre" | "post";
  /** Event kinds that `apply` wants; absent = all. */
  readonly handles?: readonly T["event"]["kind"][];
  /** Phase 1, pure. */
  apply?(event: T["event"], view: T["view"], out: Proposals<Proposes>): void;
  /** Phase 2, pure. The revision exists. */
  react?(commit: T["commit"], view: T["view"], out: Out<T["effect"]>): void;
  /** What its own effects do: asynchronous, abortable. */
  readonly runners?: Runners;
  stop?(): Promise<void>;
}

/**
 * Port behind which the domain keeps its state. Deltas are staged as each event is handled, so that the next
 * plugin and the next event of the same commit see them; `commit` seals them as one revision and yields the
 * changes; deciding (best routes) happens inside it. `hash` is over the whole state and equal for equal
 * states, whatever the order of keys: it is what a replay is checked by.
 */
export interface StateStore<T extends Types> {
  /**
   * Applies deltas now, uncommitted. Throws on one that would break the state; the loop then undoes to the
   * mark before.
   */
  stage(deltas: readonly T["delta"][]): void;
  /** A point to come back to; valid until the next commit. */
  mark(): number;
  /** Takes back what was staged since `mark`. */
  undo(mark: number): void;
  /** Stages `deltas`, then seals everything staged since the last commit as the next revision. */
  commit(deltas: readonly T["delta"][], at: Millis): T["commit"];
  view(): T["view"];
  hash(): string;
}
