// Runner of the `graph` effects: the whole graph as one configuration, applied by the gateway as one generation. Holds the newest
// want of each service; a gateway that comes back gets it at once, without waiting for a change. Verdicts return as an event.
// Invariants: one `apply` at a time; revisions only grow as long as the gateway lives, also across restarts of this process.

import { createHash } from "node:crypto";
import type { BatchRunner, EffectResult, RunnerContext } from "#kernel";
import type { Applied, GatewayConfig, GatewayControl, GatewayLimits, GatewayService } from "#rpc";
import type { Effect, GraphWant, Hash } from "#routing";

type GraphEffect = Extract<Effect, { kind: "graph" }>;

/** Composition may take 5 s, twice when a schema has to be found that breaks the sum; then the gateway itself gives up. */
export const APPLY_MS = 30_000;

export interface GraphOptions {
  /** Resolves with the gateway's session, the present one or the next. */
  readonly gateway: (deadlineMs: number) => Promise<GatewayControl>;
  readonly sdl: (hash: Hash) => string | undefined;
  readonly limits: GatewayLimits;
  readonly drainMs: number;
  readonly identity: GatewayConfig["identity"];
  /** Resolves when the first configuration may be published. */
  readonly opened: Promise<void>;
  /** Everything wanted at this moment; read once, when the gate opens. */
  readonly desired: () => Iterable<GraphEffect>;
}

export class Graph {
  readonly #options: GraphOptions;
  readonly #wants = new Map<string, GraphWant>();
  #emit: RunnerContext["emit"] = () => {};
  #revision = 0;
  #synced: GatewayControl | undefined;
  #began = false;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: GraphOptions) {
    this.#options = options;
  }

  get runner(): BatchRunner<GraphEffect> {
    return {
      deadlineMs: APPLY_MS * 2,
      report: "changes",
      batch: async (effects, context) => {
        this.#emit = (event) => context.emit(event);
        await this.begin();
        for (const effect of effects) this.#set(effect);
        return await this.#enqueue();
      },
    };
  }

  /** A gateway without services is configured too: it must answer that the graph is empty. */
  async begin(): Promise<void> {
    await this.#options.opened;
    if (this.#began) return;
    this.#began = true;
    for (const effect of this.#options.desired()) this.#set(effect);
  }

  /** The gateway was started anew: it gets what it should serve, now. */
  async restore(gateway: GatewayControl, emit: RunnerContext["emit"]): Promise<void> {
    this.#emit = emit;
    await this.begin();
    await this.#enqueue(gateway);
  }

  #set(effect: GraphEffect): void {
    if (effect.want === undefined) this.#wants.delete(effect.key);
    else this.#wants.set(effect.key, effect.want);
  }

  #enqueue(gateway?: GatewayControl): Promise<EffectResult> {
    const run = async (): Promise<EffectResult> =>
      await this.#apply(gateway ?? (await this.#options.gateway(APPLY_MS)));
    const result = this.#queue.then(run);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async #apply(gateway: GatewayControl): Promise<EffectResult> {
    if (this.#synced !== gateway) {
      // It may have outlived this process and serve a higher revision than ours.
      this.#revision = Math.max(this.#revision, (await gateway.status()).serving);
      this.#synced = gateway;
    }
    const { config, lost } = this.#config();
    const applied = await gateway.apply(config);
    if (!applied.ok) {
      const { code = "ERR_INTERNAL", text = "the gateway refused the graph" } = applied.error ?? {};
      // The last good graph goes on; the same input would fail again, a changed one is a new want.
      return {
        ok: false,
        code,
        text,
        retry: code === "ERR_REVISION_STALE" || code === "ERR_COMPOSE_TIMEOUT",
      };
    }
    this.#emit({ kind: "verdict", by: "gateway", quarantined: [...applied.quarantined, ...lost] });
    return { ok: true, detail: { serving: applied.serving, composeMs: applied.composeMs } };
  }

  #config(): { config: GatewayConfig; lost: Applied["quarantined"] } {
    const lost: { service: string; code: string; text: string }[] = [];
    const services: GatewayService[] = [];
    const hash = createHash("sha256");
    for (const [name, want] of [...this.#wants].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      const sdl = this.#options.sdl(want.sdl);
      if (sdl === undefined) {
        const text = "its schema is not in the store any more; it is read again";
        lost.push({ service: name, code: "ERR_SCHEMA_UNREACHABLE", text });
        continue;
      }
      const rest = {
        name,
        shortName: name.split(".")[0] ?? name,
        kind: want.kind,
        urls: want.urls,
        headers: { forward: [], set: {} },
        timeoutMs: want.timeoutMs,
      } satisfies Omit<GatewayService, "sdl">;
      services.push({ ...rest, sdl });
      // The SDL's own hash stands for its text.
      hash.update(JSON.stringify([rest, want.sdl]));
    }
    const { limits, drainMs, identity } = this.#options;
    hash.update(JSON.stringify([limits, drainMs, identity]));
    const revision = (this.#revision += 1);
    return {
      config: { revision, hash: hash.digest("base64url"), services, limits, drainMs, identity },
      lost,
    };
  }
}
