// Runner of the `graph` effects: the whole graph as one configuration, applied by the gateway as one generation. Holds the newest
// want of each service; a gateway that comes back gets it at once, without waiting for a change. Verdicts return as an event.
// A learned service is called through egress: while the text of its schema is on the way, or the way to it is not open, it is left
// out, and the graph is applied again when that changed. Who is in the graph stays in it, whatever becomes of the way: an answer
// with an error says more than a field that nobody knows. Invariants: one `apply` at a time; revisions only grow as long as the
// gateway lives, also across restarts of this process; own services come first, then those of own nodes, then other organizations'.

import { createHash } from "node:crypto";
import type { BatchRunner, EffectResult, Log, RunnerContext } from "#kernel";
import type { Applied, GatewayConfig, GatewayControl, GatewayLimits, GatewayService } from "#rpc";
import type { Effect, GraphWant, Hash, NodeName, ServiceName } from "#routing";
import { SchemaFetch, type SchemaFetchOptions } from "./schema-fetch.ts";
import { askWay } from "./way-question.ts";
import { Ways, type WaysOptions } from "./ways.ts";

type GraphEffect = Extract<Effect, { kind: "graph" }>;

/** A gateway that is away asks nobody, and one that is there has taken a new graph by then. */
const LEAVE_MS = 60_000;

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

export interface GraphPeering extends SchemaFetchOptions, Pick<WaysOptions, "placed"> {
  /** "host:port" of the egress listener. */
  readonly egress: string;
  readonly log: Log;
}

/** Left out by this part; why may change with every attempt. */
interface LeftOut {
  readonly service: ServiceName;
  readonly code: string;
  readonly text: () => string;
}

/** Somebody waits until no query goes to these services through egress. */
interface Leaving {
  readonly services: readonly ServiceName[];
  readonly left: () => void;
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
  #refused: Applied["quarantined"] = [];
  #leftOut: readonly LeftOut[] = [];
  /** In the gateway's graph, and whether they are asked through egress there. */
  #joined = new Map<ServiceName, boolean>();
  readonly #leaving = new Set<Leaving>();
  #queue: Promise<unknown> = Promise.resolve();
  /** An `apply` for schemas that came, or ways that are open now, waits already. */
  #arrived = false;
  readonly #fetch: SchemaFetch | undefined;
  readonly #ways: Ways | undefined;

  constructor(options: GraphOptions) {
    this.#options = options;
    const { peering } = options;
    if (peering === undefined) return;
    const { clock, random, placed, egress } = peering;
    const ask: WaysOptions["ask"] = (service, stop) => askWay(egress, service, stop);
    this.#fetch = new SchemaFetch(peering, () => this.#onArrival());
    this.#ways = new Ways({ clock, random, placed, ask }, () => this.#onArrival());
  }

  /** Who is left out of the graph now, and why; learned services too, of which the table of services knows nothing. */
  get quarantined(): Applied["quarantined"] {
    return [...this.#refused, ...this.#leftOut.map((one) => ({ ...one, text: one.text() }))];
  }

  /** Queries go there through egress. */
  uses(service: ServiceName): boolean {
    return this.#joined.get(service) === true;
  }

  /** Resolves when no query goes to any of them through egress, or it took so long that nobody can wait for it. */
  left(services: readonly ServiceName[]): Promise<void> {
    return new Promise((resolve) => {
      const { clock } = this.#options.peering ?? {};
      if (clock === undefined) return resolve();
      const cancel = clock.after(LEAVE_MS, () => leaving.left());
      const leaving: Leaving = {
        services,
        left: () => {
          cancel();
          this.#leaving.delete(leaving);
          resolve();
        },
      };
      this.#leaving.add(leaving);
    });
  }

  stop(): void {
    this.#fetch?.stop();
    this.#ways?.stop();
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

  /** A thousand schemas or ways at once are one change. */
  #onArrival(): void {
    if (this.#arrived) return;
    this.#arrived = true;
    const tell = (error: unknown): void =>
      this.#options.peering?.log.warn(
        { error: String(error) },
        "a learned service could join, the graph was not taken",
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
    // The one who asked is told of a failure; the next turn is not.
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async #apply(gateway: GatewayControl): Promise<EffectResult> {
    this.#arrived = false;
    if (this.#synced !== gateway) {
      this.#taken = undefined;
      // It may have outlived this process and serve a higher revision than ours, with services that stay.
      const { serving, services } = await gateway.status();
      this.#revision = Math.max(this.#revision, serving);
      for (const name of services)
        this.#joined.set(name, this.#wants.get(name)?.learnedFrom !== undefined || this.uses(name));
      this.#synced = gateway;
    }
    const config = this.#config();
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
    this.#refused = applied.quarantined;
    this.#joined = new Map(config.services.map(({ name, via }) => [name, via !== undefined]));
    this.#letGo();
    this.#emit({ kind: "verdict", by: "gateway", quarantined: this.quarantined });
    return { ok: true, detail: { serving: applied.serving, composeMs: applied.composeMs } };
  }

  #config(): GatewayConfig {
    const leftOut: LeftOut[] = [];
    const services: GatewayService[] = [];
    const missing = new Map<Hash, readonly NodeName[]>();
    const coming = new Set<ServiceName>();
    const hash = createHash("sha256");
    for (const [name, want] of [...this.#wants].toSorted(byRank)) {
      const sdl = this.#options.sdl(want.sdl);
      if (sdl === undefined) addMissing(want, missing);
      if (want.learnedFrom !== undefined && !this.#joined.has(name)) coming.add(name);
      const why = this.#why(name, want, sdl !== undefined);
      if (sdl === undefined || why !== undefined) {
        if (why !== undefined) leftOut.push(why);
        continue;
      }
      const rest = this.#service(name, want);
      services.push({ ...rest, sdl });
      // The SDL's own hash stands for its text.
      hash.update(JSON.stringify([rest, want.sdl]));
    }
    this.#fetch?.want(missing);
    this.#ways?.want(coming);
    this.#leftOut = leftOut;
    const { limits, drainMs, identity } = this.#options;
    hash.update(JSON.stringify([limits, drainMs, identity]));
    const revision = (this.#revision += 1);
    return { revision, hash: hash.digest("base64url"), services, limits, drainMs, identity };
  }

  /** Why it cannot be in the graph; undefined = it can. */
  #why(service: ServiceName, { sdl, learnedFrom }: GraphWant, read: boolean): LeftOut | undefined {
    const because = (code: string, text: string, problem = (): string | undefined => undefined): LeftOut => ({
      service,
      code,
      text: () => [text, problem()].filter((part) => part !== undefined).join(": "),
    });
    const schema = "ERR_SCHEMA_UNREACHABLE";
    if (learnedFrom === undefined)
      return read ? undefined : because(schema, "its schema is not in the store any more; it is read again");
    const ways = this.#ways;
    if (ways === undefined) return because(schema, "it was learned from a peer, and this node has no egress");
    if (!read) return because(schema, "its schema is on the way", () => this.#fetch?.problem(sdl));
    if (this.#joined.has(service) || ways.isOpen(service)) return undefined;
    const text = "the way to it is not open yet";
    return because("ERR_SUBGRAPH_UNREACHABLE", text, () => ways.problem(service));
  }

  /** Requests that began with the graph before have their time, too. */
  #letGo(): void {
    const { drainMs, peering } = this.#options;
    for (const leaving of this.#leaving) {
      if (leaving.services.some((name) => this.uses(name))) continue;
      this.#leaving.delete(leaving);
      peering?.clock.after(drainMs, leaving.left);
    }
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

/** A learned one is fetched from now on. */
function addMissing({ sdl, learnedFrom }: GraphWant, missing: Map<Hash, readonly NodeName[]>): void {
  if (learnedFrom !== undefined)
    missing.set(sdl, [...new Set([...(missing.get(sdl) ?? []), ...learnedFrom])]);
}

type Wanted = readonly [string, GraphWant];

/** Whoever comes later yields in a conflict. */
function byRank([a, x]: Wanted, [b, y]: Wanted): number {
  return rank(x) - rank(y) || (a < b ? -1 : 1);
}

const rank = ({ learnedFrom, foreign }: GraphWant): number =>
  foreign !== undefined ? 2 : learnedFrom !== undefined ? 1 : 0;
