// The one loop through which everything passes: events in, one revision per commit, effects out. Events wait
// in one bounded queue; a turn takes up to 512 of them or 5 ms, applies, commits, reacts, and yields. A turn
// never awaits, so nothing else can change the state in between. Where a turn ended is part of what a record
// keeps; a replay steps through the same commits. Follows docs/internals/kernel.md section 1.

import { Effects, type EffectsStatus, mergeRunners } from "./effects.ts";
import { KernelError } from "./errors.ts";
import { History } from "./history.ts";
import type { Report } from "./lane.ts";
import { LIMITS } from "./limits.ts";
import { type Outcome, Phases } from "./phases.ts";
import type { Event, Plugin, Ports, Refusal, Runners, Schedule, StateStore, Types } from "./plugin.ts";
import { Queue } from "./queue.ts";
import { type PluginStatus, Roster } from "./roster.ts";

/** An event as producers give it: the loop's clock fills in `at`. */
export type Input<E extends Event> = E extends unknown ? Omit<E, "at"> & { readonly at?: number } : never;

export interface LoopOptions<T extends Types> {
  readonly store: StateStore<T>;
  /** Built in, in their order. */
  readonly plugins: readonly Plugin<T>[];
  /** From outside, in the order of the configuration. */
  readonly outside?: readonly Plugin<T>[];
  /** Runners of built-in kinds, beside those that plugins bring. */
  readonly runners?: Runners;
  readonly ports: Ports;
  readonly schedule: Schedule;
  /** False: effects are only kept as desired state (replay, benchmark). */
  readonly effects?: boolean;
  /** Lower than `LIMITS`, never higher. */
  readonly limits?: {
    readonly commitEvents?: number;
    readonly commitMs?: number;
    readonly queueDepth?: number;
  };
  /** Changes in a commit, for the bound on the history's memory. */
  readonly weigh?: (commit: T["commit"]) => number;
}

/** The answer to the one who submitted an event. */
export interface Submitted<T extends Types> {
  /** In force after the event's commit. */
  readonly revision: number;
  /** Absent when no event of the commit changed anything. */
  readonly commit: T["commit"] | undefined;
  /** Set: the event was void, nothing changed. */
  readonly refused: Refusal | undefined;
  /** What could not be done while the rest was. */
  readonly problems: readonly Refusal[];
}

/** One turn of the loop, as watchers see it: the events of one commit, in order. */
export interface Batch<T extends Types> {
  readonly events: readonly T["event"][];
  readonly revision: number;
  readonly commit: T["commit"] | undefined;
  /** Events that were refused or met problems. */
  readonly outcomes: readonly { readonly event: T["event"]; readonly outcome: Outcome }[];
}

export interface LoopStatus {
  readonly revision: number;
  /** Events waiting. */
  readonly depth: number;
  /** Events taken since the start. */
  readonly events: number;
  /** Observations of runners that found the queue full. */
  readonly dropped: number;
  readonly plugins: readonly PluginStatus[];
  readonly effects: EffectsStatus;
}

type Answer<T extends Types> = (outcome: Outcome, batch: Batch<T>) => void;

/**
 * An instance of a class: an object literal that waited long in a full queue is from then on made in the old generation, and holds
 * there, long dead, its event.
 */
class Queued<T extends Types> {
  readonly event: T["event"];
  readonly answer: Answer<T> | undefined;

  constructor(event: T["event"], answer: Answer<T> | undefined) {
    this.event = event;
    this.answer = answer;
  }
}

export class Loop<T extends Types> {
  readonly effects: Effects<T["effect"]>;
  readonly history: History<T["commit"]>;
  readonly #store: StateStore<T>;
  readonly #ports: Ports;
  readonly #schedule: Schedule;
  readonly #roster: Roster<T>;
  readonly #phases: Phases<T>;
  readonly #queue = new Queue<Queued<T>>();
  readonly #limits: { readonly commitEvents: number; readonly commitMs: number; readonly queueDepth: number };
  readonly #watchers = new Set<(batch: Batch<T>) => void>();
  #spaceWaiters: (() => void)[] = [];
  #idleWaiters: (() => void)[] = [];
  #scheduled = false;
  #stopping = false;
  #revision = 0;
  #events = 0;
  #dropped = 0;

  constructor(options: LoopOptions<T>) {
    const outside = options.outside ?? [];
    const { commitEvents, commitMs, queueDepth } = options.limits ?? {};
    this.#limits = {
      commitEvents: Math.min(commitEvents ?? LIMITS.commitEvents, LIMITS.commitEvents),
      commitMs: Math.min(commitMs ?? LIMITS.commitMs, LIMITS.commitMs),
      queueDepth: Math.min(queueDepth ?? LIMITS.queueDepth, LIMITS.queueDepth),
    };
    this.#store = options.store;
    this.#ports = options.ports;
    this.#schedule = options.schedule;
    this.#roster = new Roster(options.plugins, outside);
    this.#phases = new Phases(options.store, this.#roster, options.ports.log);
    this.history = new History({
      commits: LIMITS.historyCommits,
      changes: LIMITS.historyChanges,
      weigh: options.weigh,
    });
    const own = { from: "the node", runners: options.runners ?? {} };
    const brought = [...options.plugins, ...outside].map((plugin) => ({
      from: `plugin "${plugin.name}"`,
      runners: plugin.runners ?? {},
    }));
    this.effects = new Effects<T["effect"]>({
      runners: mergeRunners([own, ...brought]),
      ports: options.ports,
      on: options.effects ?? true,
      emit: (event) => this.#emit(event),
      onReport: (report) => this.#emit(reportEvent(report)),
    });
  }

  get revision(): number {
    return this.#revision;
  }

  /** The state as it is now; never hold on to it across an await. */
  get view(): T["view"] {
    return this.#store.view();
  }

  /** Names of all plugins in the order they run. */
  get plugins(): readonly string[] {
    return this.#roster.members.map((member) => member.plugin.name);
  }

  /** Hash over the whole state. */
  hash(): string {
    return this.#store.hash();
  }

  /**
   * Adds an event. Throws ERR_LIMIT when the queue is full (`space` waits for room), ERR_STOPPING after
   * `stop`.
   */
  push(event: Input<T["event"]>): void {
    this.#admit();
    this.#add(event, undefined);
  }

  /** Adds an event and answers when it is committed, with what plugins refused. Rejects as `push` throws. */
  submit(event: Input<T["event"]>): Promise<Submitted<T>> {
    return new Promise((resolve) => {
      this.#admit();
      this.#add(event, (outcome, { revision, commit }) => resolve({ revision, commit, ...outcome }));
    });
  }

  /** False: the next event from outside would be refused. */
  get hasRoom(): boolean {
    return this.#queue.size < this.#limits.queueDepth;
  }

  /** For producers that can wait: resolves when the queue is less than half full. */
  space(): Promise<void> {
    if (this.#queue.size * 2 < this.#limits.queueDepth) return Promise.resolve();
    return new Promise((resolve) => this.#spaceWaiters.push(resolve));
  }

  /** Resolves when no event waits. */
  idle(): Promise<void> {
    if (this.#queue.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Calls back after each turn; must return soon. Returns the way to end it. */
  watch(watcher: (batch: Batch<T>) => void): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** Takes exactly these events as one commit, now: the replay's and the simulation's way in. */
  step(events: readonly T["event"][]): Batch<T> {
    if (this.#queue.size > 0) throw new Error("step while events wait");
    const outcomes = events.map((event) => ({ event, outcome: this.#phases.apply(event) }));
    return this.#finish(events, outcomes.filter(notable));
  }

  status(): LoopStatus {
    return {
      revision: this.#revision,
      depth: this.#queue.size,
      events: this.#events,
      dropped: this.#dropped,
      plugins: this.#roster.status(),
      effects: this.effects.status(),
    };
  }

  /** Takes no more events, works off those that wait, aborts the effects, stops the plugins. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.idle();
    await this.effects.stop();
    for (const { plugin } of this.#roster.members) {
      try {
        await plugin.stop?.();
      } catch (error) {
        this.#ports.log.error({ plugin: plugin.name, error: String(error) }, "a plugin threw while stopping");
      }
    }
  }

  #admit(): void {
    if (this.#stopping)
      throw new KernelError("ERR_STOPPING", "the node is stopping and takes no more events");
    if (this.#queue.size < this.#limits.queueDepth) return;
    const text = `the event queue is full (${this.#queue.size} waiting)`;
    throw new KernelError("ERR_LIMIT", text, "try again in a moment");
  }

  /**
   * From runners: may use the reserve; beyond it the observation is lost and counted, for a runner has nobody
   * to tell.
   */
  #emit(event: { readonly kind: string; readonly [field: string]: unknown }): void {
    if (this.#stopping) return;
    if (this.#queue.size >= this.#limits.queueDepth + LIMITS.queueReserve) {
      this.#dropped += 1;
      return;
    }
    // What a runner emits is an event of the node's union by contract; plugins ignore kinds that they do not
    // know.
    this.#add(event as Input<T["event"]>, undefined);
  }

  #add(input: Input<T["event"]>, answer: Answer<T> | undefined): void {
    const timed = input.at === undefined ? { ...input, at: this.#ports.clock.now() } : input;
    this.#queue.push(new Queued<T>(timed as unknown as T["event"], answer));
    this.#wake();
  }

  #wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(this.#turn);
  }

  readonly #turn = (): void => {
    this.#scheduled = false;
    const { clock } = this.#ports;
    const until = clock.monotonic() + this.#limits.commitMs;
    const events: T["event"][] = [];
    const outcomes: { event: T["event"]; outcome: Outcome }[] = [];
    const answers: ((batch: Batch<T>) => void)[] = [];
    while (events.length < this.#limits.commitEvents) {
      const queued = this.#queue.take();
      if (queued === undefined) break;
      const { event, answer } = queued;
      const outcome = this.#phases.apply(event);
      events.push(event);
      if (outcome.refused !== undefined || outcome.problems.length > 0) outcomes.push({ event, outcome });
      if (answer !== undefined) answers.push((batch) => answer(outcome, batch));
      // Reading the clock costs more than a cheap event; every eighth is exact enough for 5 ms.
      if ((events.length & 7) === 0 && clock.monotonic() >= until) break;
    }
    if (this.#queue.size > 0) this.#wake();
    if (events.length === 0) return;
    const batch = this.#finish(events, outcomes);
    for (const answer of answers) answer(batch);
    this.#release();
  };

  /** Commit, phase 2, and everybody who wants to know. */
  #finish(events: readonly T["event"][], outcomes: Batch<T>["outcomes"]): Batch<T> {
    const commit = this.#phases.commit(events.at(-1)?.at ?? 0);
    this.#events += events.length;
    if (commit !== undefined) {
      this.#revision = commit.revision;
      this.history.add(commit);
      this.effects.want(this.#phases.react(commit), commit.revision);
    }
    const batch = { events, revision: this.#revision, commit, outcomes };
    for (const watcher of this.#watchers) {
      try {
        watcher(batch);
      } catch (error) {
        this.#ports.log.error({ error: String(error) }, "a watcher of the loop threw");
      }
    }
    this.effects.start();
    return batch;
  }

  #release(): void {
    if (this.#spaceWaiters.length > 0 && this.#queue.size * 2 < this.#limits.queueDepth) {
      for (const resolve of this.#spaceWaiters.splice(0)) resolve();
    }
    if (this.#idleWaiters.length > 0 && this.#queue.size === 0) {
      for (const resolve of this.#idleWaiters.splice(0)) resolve();
    }
  }
}

const notable = ({ outcome }: { outcome: Outcome }): boolean =>
  outcome.refused !== undefined || outcome.problems.length > 0;

function reportEvent({ effect, key, revision, result }: Report): { kind: string; [field: string]: unknown } {
  if (result.ok) return { kind: "effect.done", effect, key, revision };
  const { code, text = "", retry } = result;
  return { kind: "effect.failed", effect, key, code, text, retry };
}
