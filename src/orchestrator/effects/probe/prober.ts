// Runner of the `probe` effects: keeps asking every wanted endpoint, first at once, then at its interval with jitter, so that
// services that were started together are not asked together. Each answer is an event; what it means (hysteresis) is decided by
// the service plugin. Invariants: one question at a time per endpoint, a bounded number at once, nothing after it was taken away.

import { Agent } from "node:http";
import type { BatchRunner, Clock, Random, RunnerContext } from "#kernel";
import type { Effect, ProbeWant } from "#routing";
import { type Answer, ask } from "./ask.ts";
import { Wheel } from "./wheel.ts";

type ProbeEffect = Extract<Effect, { kind: "probe" }>;

/** Sockets opened at once: enough for 10,000 endpoints each 2 s when one answers in 20 ms, and no flood at start. */
const AT_ONCE_MAX = 128;
const JITTER = 0.1;

interface Watch {
  want: ProbeWant;
  readonly abort: AbortController;
  cancel: () => void;
  gone: boolean;
}

export interface ProberOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** After the first answer of an endpoint. */
  readonly onFirst?: (key: string) => void;
}

export class Prober {
  readonly #random: Random;
  readonly #wheel: Wheel;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 1, scheduling: "lifo" });
  readonly #watches = new Map<string, Watch>();
  readonly #queue: [string, Watch][] = [];
  readonly #onFirst: (key: string) => void;
  #asking = 0;
  #emit: RunnerContext["emit"] = () => {};

  constructor(options: ProberOptions) {
    this.#random = options.random;
    this.#wheel = new Wheel(options.clock);
    this.#onFirst = options.onFirst ?? (() => {});
  }

  get runner(): BatchRunner<ProbeEffect> {
    return {
      batch: async (effects, context) => {
        this.#emit = (event) => context.emit(event);
        for (const effect of effects) this.#set(effect.key, effect.want);
        return { ok: true };
      },
    };
  }

  get size(): number {
    return this.#watches.size;
  }

  stop(): void {
    for (const key of [...this.#watches.keys()]) this.#set(key, undefined);
    this.#wheel.stop();
    this.#agent.destroy();
  }

  #set(key: string, want: ProbeWant | undefined): void {
    const old = this.#watches.get(key);
    if (old !== undefined) {
      old.gone = true;
      old.cancel();
      old.abort.abort();
      this.#watches.delete(key);
    }
    if (want === undefined) return;
    const watch: Watch = { want, abort: new AbortController(), cancel: () => {}, gone: false };
    this.#watches.set(key, watch);
    this.#enqueue(key, watch);
  }

  #enqueue(key: string, watch: Watch): void {
    this.#queue.push([key, watch]);
    this.#next();
  }

  #next(): void {
    while (this.#asking < AT_ONCE_MAX) {
      const [key, watch] = this.#queue.shift() ?? [];
      if (key === undefined || watch === undefined) return;
      if (watch.gone) continue;
      this.#asking += 1;
      void ask(watch.want, this.#agent, watch.abort.signal).then((answer) => {
        this.#asking -= 1;
        if (!watch.gone) this.#answered(key, watch, answer);
        this.#next();
      });
    }
  }

  #answered(key: string, watch: Watch, answer: Answer): void {
    const { service, url, intervalMs } = watch.want;
    this.#emit({ kind: "probe.result", service, endpoint: url, ...answer });
    this.#onFirst(key);
    const waitMs = intervalMs * (1 - JITTER + 2 * JITTER * this.#random.next());
    watch.cancel = this.#wheel.after(waitMs, () => this.#enqueue(key, watch));
  }
}
