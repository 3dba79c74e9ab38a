// Runner of the `graph` effects: the whole graph as one configuration, applied by the gateway as one generation. Holds the newest
// want of each service; a gateway that comes back gets it at once, without waiting for a change. Verdicts return as an event.
// A learned service is called through egress; while the text of its schema is still on the way it is left out, and the graph is
// applied again when it came. Invariants: one `apply` at a time; revisions only grow as long as the gateway lives, also across
// restarts of this process; own services come first, then those of own nodes, then other organizations'.

import { createHash } from "node:crypto";
import type { BatchRunner, EffectResult, Log, RunnerContext } from "#kernel";
import type { Applied, GatewayConfig, GatewayControl, GatewayLimits, GatewayService } from "#rpc";
import type { Effect, GraphWant, Hash, NodeName } from "#routing";
import { SchemaFetch, type SchemaFetchOptions } from "./schema-fetch.ts";

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
  /** Without it learned services are left out. */
  readonly peering?: GraphPeering;
}

export interface GraphPeering extends SchemaFetchOptions {
  /** "host:port" of the egress listener. */
  readonly egress: string;
  readonly log: Log;
}

export class Graph {
  readonly #options: GraphOptions;
  readonly #wants = new Map<string, GraphWant>();
  #emit: RunnerContext["emit"] = () => {};
  #revision = 0;
  #synced: GatewayControl | undefined;
  #began = false;
  /** What the gateway of this session took last, with its answer. */
  #taken: { readonly hash: string; readonly applied: Applied } | undefined;
  #quarantined: Applied["quarantined"] = [];
  #queue: Promise<unknown> = Promise.resolve();
  /** An `apply` for schemas that arrived waits already. */
  #arrived = false;
  readonly #fetch: SchemaFetch | undefined;

  constructor(options: GraphOptions) {
    this.#options = options;
    const { peering } = options;
    if (peering !== undefined) this.#fetch = new SchemaFetch(peering, () => this.#onArrival());
  }

  /** Who is left out of the graph now, and why; learned services too, of which the table of services knows nothing. */
  get quarantined(): Applied["quarantined"] {
    return this.#quarantined;
  }

  stop(): void {
    this.#fetch?.stop();
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

  /** A thousand schemas that arrive at once are one change. */
  #onArrival(): void {
    if (this.#arrived) return;
    this.#arrived = true;
    const tell = (error: unknown): void =>
      this.#options.peering?.log.warn(
        { error: String(error) },
        "a learned schema came, the graph was not taken",
      );
    this.#enqueue().then((result) => {
      if (!result.ok) tell(`${result.code}: ${result.text ?? ""}`);
      // The next session of a gateway that is away gets everything.
    }, tell);
  }

  #enqueue(gateway?: GatewayControl): Promise<EffectResult> {
    const run = async (): Promise<EffectResult> =>
      await this.#apply(gateway ?? (await this.#options.gateway(APPLY_MS)));
    const result = this.#queue.then(run);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async #apply(gateway: GatewayControl): Promise<EffectResult> {
    this.#arrived = false;
    if (this.#synced !== gateway) {
      this.#taken = undefined;
      // It may have outlived this process and serve a higher revision than ours.
      this.#revision = Math.max(this.#revision, (await gateway.status()).serving);
      this.#synced = gateway;
    }
    const { config, lost } = this.#config();
    // Another way to the same services is no change of the graph.
    const same = this.#taken?.hash === config.hash ? this.#taken.applied : undefined;
    const applied = same ?? (await gateway.apply(config));
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
    this.#taken = { hash: config.hash, applied };
    this.#quarantined = [...applied.quarantined, ...lost];
    this.#emit({ kind: "verdict", by: "gateway", quarantined: this.#quarantined });
    return { ok: true, detail: { serving: applied.serving, composeMs: applied.composeMs } };
  }

  #config(): { config: GatewayConfig; lost: Applied["quarantined"] } {
    const lost: { service: string; code: string; text: string }[] = [];
    const services: GatewayService[] = [];
    const missing = new Map<Hash, readonly NodeName[]>();
    const hash = createHash("sha256");
    for (const [name, want] of [...this.#wants].toSorted(byRank)) {
      const sdl = this.#options.sdl(want.sdl);
      const problem = sdl === undefined ? this.#missing(want, missing) : this.#unreachable(want);
      if (sdl === undefined || problem !== undefined) {
        lost.push({ service: name, code: "ERR_SCHEMA_UNREACHABLE", text: problem ?? "" });
        continue;
      }
      const rest = this.#service(name, want);
      services.push({ ...rest, sdl });
      // The SDL's own hash stands for its text.
      hash.update(JSON.stringify([rest, want.sdl]));
    }
    this.#fetch?.want(missing);
    const { limits, drainMs, identity } = this.#options;
    hash.update(JSON.stringify([limits, drainMs, identity]));
    const revision = (this.#revision += 1);
    return {
      config: { revision, hash: hash.digest("base64url"), services, limits, drainMs, identity },
      lost,
    };
  }

  /** Why its schema is not here; a learned one is fetched from now on. */
  #missing({ sdl, learnedFrom }: GraphWant, missing: Map<Hash, readonly NodeName[]>): string {
    if (learnedFrom === undefined) return "its schema is not in the store any more; it is read again";
    const known = missing.get(sdl) ?? [];
    missing.set(sdl, [...new Set([...known, ...learnedFrom])]);
    const problem = this.#fetch?.problem(sdl);
    return problem === undefined ? "its schema is on the way" : `its schema is on the way: ${problem}`;
  }

  #unreachable({ learnedFrom }: GraphWant): string | undefined {
    if (learnedFrom === undefined || this.#options.peering !== undefined) return undefined;
    return "it was learned from a peer, and this node has no egress";
  }

  #service(name: string, want: GraphWant): Omit<GatewayService, "sdl"> {
    const { kind, urls, timeoutMs, learnedFrom, foreign } = want;
    const egress = learnedFrom === undefined ? undefined : this.#options.peering?.egress;
    return {
      name,
      // "reviews" in a token's scope means our own.
      shortName: foreign === undefined ? (name.split(".")[0] ?? name) : name,
      ...(kind === undefined ? {} : { kind }),
      urls,
      ...(egress === undefined ? {} : { via: egress }),
      ...(foreign === undefined ? {} : { foreign }),
      headers: { forward: [], set: {} },
      timeoutMs,
    };
  }
}

type Wanted = readonly [string, GraphWant];

/** Whoever comes later yields in a conflict. */
function byRank([a, x]: Wanted, [b, y]: Wanted): number {
  return rank(x) - rank(y) || (a < b ? -1 : 1);
}

const rank = ({ learnedFrom, foreign }: GraphWant): number =>
  foreign !== undefined ? 2 : learnedFrom !== undefined ? 1 : 0;
