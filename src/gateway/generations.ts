// Applies configurations: compose off to the side, warm the documents in use, then one assignment. Invariants: revisions only
// grow; equal content is never applied twice; of the calls that come while one is at work only the newest is done, and all
// that waited get its answer; a configuration that cannot be composed changes nothing.

import { hash } from "node:crypto";
import { CatalystError } from "#rpc";
import type { Applied, GatewayConfig, GatewayStatus } from "#rpc";
import type { ComposeThread } from "./compose/thread.ts";
import { documentKey, Generation, type Graph } from "./execute/generation.ts";
import type { UpstreamTools } from "./execute/upstream.ts";
import { EMPTY_GRAPH_TEXT } from "./empty.ts";

export interface GenerationsOptions {
  /** Documents prepared in a new graph before it serves. */
  readonly warmMax: number;
  /** Time warming may hold a swap back. */
  readonly warmMs: number;
}

export const GENERATIONS_DEFAULTS: GenerationsOptions = { warmMax: 200, warmMs: 300 };

interface Waiting {
  config: GatewayConfig;
  readonly done: Promise<Applied>;
  readonly resolve: (applied: Applied) => void;
}

export class Generations {
  readonly #thread: ComposeThread;
  readonly #tools: UpstreamTools;
  readonly #options: GenerationsOptions;
  readonly #alive = new Set<Generation>();
  #current: Generation | undefined;
  #working = false;
  #waiting: Waiting | undefined;
  #swaps = 0;
  #checks = 0;

  constructor(thread: ComposeThread, tools: UpstreamTools, options: GenerationsOptions) {
    this.#thread = thread;
    this.#tools = tools;
    this.#options = options;
  }

  get current(): Generation | undefined {
    return this.#current;
  }

  apply(config: GatewayConfig): Promise<Applied> {
    const waiting = this.#waiting;
    if (waiting !== undefined) {
      if (config.revision >= waiting.config.revision) waiting.config = config;
      return waiting.done;
    }
    let resolve: (applied: Applied) => void = () => {};
    const done = new Promise<Applied>((settle) => (resolve = settle));
    this.#waiting = { config, done, resolve };
    if (!this.#working) void this.#work();
    return done;
  }

  /** What `apply` would say, without applying. */
  async check(config: GatewayConfig): Promise<Applied> {
    const key = `check-${++this.#checks}`;
    try {
      const composed = await this.#thread.compose(key, sdlsOf(config));
      return this.#applied(true, composed.quarantined, composed.composeMs, 0);
    } catch (error) {
      return this.#failed(error);
    } finally {
      this.#thread.drop(key);
    }
  }

  status(): Omit<GatewayStatus, "uptimeMs" | "requestsActive"> {
    const current = this.#current;
    return {
      serving: current?.revision ?? 0,
      hash: current?.config.hash ?? "",
      services: current?.graph.services ?? [],
      quarantined: current?.graph.quarantined ?? [],
      generationsAlive: this.#alive.size,
      documents: current?.documents.size ?? 0,
      swaps: this.#swaps,
    };
  }

  async #work(): Promise<void> {
    this.#working = true;
    for (let next = this.#waiting; next !== undefined; next = this.#waiting) {
      // From here on a newer configuration waits for the next round.
      this.#waiting = undefined;
      let applied: Applied;
      try {
        applied = await this.#apply(next.config);
      } catch (error) {
        applied = this.#failed(error);
      }
      const { instruments } = this.#tools;
      if (!applied.ok) instruments?.swap("refused", applied.composeMs / 1_000);
      next.resolve(applied);
    }
    this.#working = false;
  }

  async #apply(config: GatewayConfig): Promise<Applied> {
    const current = this.#current;
    if (current !== undefined) {
      if (config.hash === current.config.hash) {
        current.revision = Math.max(current.revision, config.revision);
        this.#tools.instruments?.swap("unchanged", 0);
        return this.#applied(true, current.graph.quarantined, 0, 0);
      }
      if (config.revision <= current.revision) {
        const text = `revision ${config.revision} is not newer than ${current.revision}, which is in force`;
        return this.#failed(new CatalystError("ERR_REVISION_STALE", text));
      }
    }
    const key = graphKey(config);
    const { graph, composeMs } = await this.#graph(key, config);
    let generation: Generation;
    try {
      generation = new Generation(config, graph, this.#thread, this.#tools, current, this.#freed);
    } catch (error) {
      if (graph.holders === 0) this.#thread.drop(graph.key);
      throw error;
    }
    const warmed = await this.#warm(generation, current);
    this.#alive.add(generation);
    this.#current = generation;
    this.#swaps += 1;
    current?.retire();
    this.#tools.instruments?.swap("applied", composeMs / 1_000);
    return this.#applied(true, graph.quarantined, composeMs, warmed);
  }

  /** Equal schemas are composed once, however often addresses change. */
  async #graph(key: string, config: GatewayConfig): Promise<{ graph: Graph; composeMs: number }> {
    for (const { graph } of this.#alive) if (graph.key === key) return { graph, composeMs: 0 };
    if (config.services.length === 0) {
      this.#thread.adopt(key, EMPTY_GRAPH_TEXT);
      return { graph: { key, services: [], quarantined: [], holders: 0 }, composeMs: 0 };
    }
    const { graph, quarantined, composeMs } = await this.#thread.compose(
      key,
      sdlsOf(config),
      this.#current?.graph.key,
    );
    return { graph: { key, services: graph.services, quarantined, holders: 0 }, composeMs };
  }

  /** The hottest documents of the old graph, prepared in the new one before anybody asks. */
  async #warm(next: Generation, current: Generation | undefined): Promise<number> {
    if (current === undefined || current.documents === next.documents) return next.documents.size;
    // A refusal is soon found again; it must not hold the swap back, or push out what is answered.
    const hottest = current.documents.hottest(this.#options.warmMax, ({ ok }) => ok);
    const until = this.#tools.now() + this.#options.warmMs;
    let warmed = 0;
    for (const { key, hits } of hottest) {
      if (this.#tools.now() >= until) break;
      const end = key.indexOf("\0");
      const document = end < 0 ? key : key.slice(0, end);
      const name = end < 0 ? undefined : key.slice(end + 1);
      if (next.documents.get(documentKey(document, name)) !== undefined) continue;
      const known = await next.prepare(document, name, hits);
      if (known.ok) warmed += 1;
    }
    return warmed;
  }

  #freed = (generation: Generation): void => {
    this.#alive.delete(generation);
    if (generation.graph.holders === 0) this.#thread.drop(generation.graph.key);
  };

  #applied(ok: boolean, quarantined: Applied["quarantined"], composeMs: number, warmed: number): Applied {
    return { ok, serving: this.#current?.revision ?? 0, quarantined, composeMs, warmed };
  }

  #failed(error: unknown): Applied {
    const known = error instanceof CatalystError;
    const code = known ? error.code : "ERR_INTERNAL";
    const text = error instanceof Error ? error.message : "the configuration could not be applied";
    const quarantined = this.#current?.graph.quarantined ?? [];
    return { ...this.#applied(false, quarantined, 0, 0), error: { code, text } };
  }
}

function sdlsOf(config: GatewayConfig) {
  return config.services.map(({ name, kind, sdl, foreign }) => ({
    name,
    sdl,
    ...(kind !== undefined && { kind }),
    ...(foreign !== undefined && { foreign }),
  }));
}

function graphKey(config: GatewayConfig): string {
  return hash("sha256", JSON.stringify(sdlsOf(config)), "base64url");
}
