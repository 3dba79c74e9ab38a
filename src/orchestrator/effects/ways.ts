// Ways to learned services that are about to join the graph: each joins when its way is open. First the own Envoy has to acknowledge
// the import; but that says nothing of connections that are still being made, or of nodes farther on, so the service is then asked
// along the way itself, again with backoff until it answers. Whoever waits is told of the reason; nobody waits for another one.
// Invariants: a few questions at a time, one a service; what nobody wants any more is not asked again; an open way stays open as
// long as it is wanted.

import type { Clock, EffectResult, Random } from "#kernel";
import type { ServiceName } from "#routing";

const RETRY_FIRST_MS = 20;
const RETRY_LAST_MS = 15_000;
const AT_ONCE_MAX = 8;

export interface WaysOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** What Envoy says of the import as it is wanted now; settles within a deadline of its own. */
  readonly placed: (service: ServiceName) => Promise<EffectResult>;
  /** Why the way is closed; undefined = it is open. Settles within a deadline of its own. */
  readonly ask: (service: ServiceName, stop: AbortSignal) => Promise<string | undefined>;
}

interface Way {
  readonly service: ServiceName;
  open: boolean;
  failures: number;
  problem: string | undefined;
  cancel: () => void;
}

export class Ways {
  readonly #options: WaysOptions;
  readonly #onOpen: () => void;
  readonly #wanted = new Map<ServiceName, Way>();
  readonly #queue: Way[] = [];
  readonly #stop = new AbortController();
  #active = 0;

  constructor(options: WaysOptions, onOpen: () => void) {
    this.#options = options;
    this.#onOpen = onOpen;
  }

  /** Everybody who is to join; everything else is forgotten. */
  want(services: ReadonlySet<ServiceName>): void {
    for (const [service, way] of this.#wanted) {
      if (services.has(service)) continue;
      way.cancel();
      this.#wanted.delete(service);
    }
    for (const service of services) {
      if (this.#wanted.has(service)) continue;
      const way = { service, open: false, failures: 0, problem: undefined, cancel: () => {} };
      this.#wanted.set(service, way);
      this.#begin(way);
    }
  }

  isOpen(service: ServiceName): boolean {
    return this.#wanted.get(service)?.open === true;
  }

  /** Why it is not open yet; undefined before the first attempt failed. */
  problem(service: ServiceName): string | undefined {
    return this.#wanted.get(service)?.problem;
  }

  stop(): void {
    this.want(new Set());
    this.#stop.abort(new Error("the node is stopping"));
  }

  #begin(way: Way): void {
    const failed = (error: unknown): void => this.#later(way, String(error));
    this.#options.placed(way.service).then((placed) => {
      if (!placed.ok) return this.#later(way, placed.text ?? placed.code);
      this.#queue.push(way);
      this.#next();
    }, failed);
  }

  #next(): void {
    while (this.#active < AT_ONCE_MAX) {
      const way = this.#queue.shift();
      if (way === undefined) return;
      if (this.#wanted.get(way.service) !== way) continue;
      this.#active += 1;
      void this.#ask(way).finally(() => {
        this.#active -= 1;
        this.#next();
      });
    }
  }

  async #ask(way: Way): Promise<void> {
    let problem: string | undefined;
    try {
      problem = await this.#options.ask(way.service, this.#stop.signal);
    } catch (error) {
      problem = String(error);
    }
    if (problem !== undefined) return this.#later(way, problem);
    if (this.#wanted.get(way.service) !== way) return;
    way.open = true;
    this.#onOpen();
  }

  #later(way: Way, problem: string): void {
    if (this.#wanted.get(way.service) !== way) return;
    way.problem = problem;
    const { clock, random } = this.#options;
    const waitMs = Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** Math.min(way.failures, 10));
    way.failures += 1;
    way.cancel = clock.after(waitMs * (0.5 + 0.5 * random.next()), () => this.#begin(way));
  }
}
