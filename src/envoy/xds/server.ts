// The xDS server: one snapshot, delivered by delta ADS over a unix socket that only its owner may open. `publish` puts
// changes in force in the order of types, each phase after Envoy's answer to the one before, unless that stands as soon as
// it is read, and says per resource what became of it. A refused resource is quarantined by name: its last good version is
// put back and the rest goes on. Follows the xDS protocol (incremental, aggregated) over gRPC on HTTP/2; why not a gRPC
// library: docs/internals/envoy.md.

import { rmSync } from "node:fs";
import { createServer } from "node:http2";
import type { Http2Server, ServerHttp2Session } from "node:http2";
import type { Log } from "#kernel";
import { CatalystError } from "#rpc";
import { SnapshotCache } from "./cache.ts";
import type { Entry } from "./cache.ts";
import { valueOf } from "./discovery.ts";
import { XdsStream } from "./stream.ts";
import type { Answer, StreamHost } from "./stream.ts";
import { PHASES, REMOVALS, TYPES, XDS_LIMITS, refOf, splitRef } from "./types.ts";
import type { Change, Outcome, Published, Ref, ResourceType } from "./types.ts";

const PATH = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

export interface XdsServerOptions {
  readonly log: Log;
  /** How long a publication waits for one answer of Envoy. */
  readonly answerMs?: number;
  /** A resource was refused outside a publication that waits for it: when an Envoy connected. */
  readonly onRefused?: (type: ResourceType, name: string, text: string) => void;
  /** Envoy answered something: `acknowledged` may be another. */
  readonly onAnswered?: () => void;
}

export interface XdsStatus {
  readonly connected: boolean;
  readonly node?: { readonly id: string; readonly version: string };
  readonly connectedForMs?: number;
  readonly lastAckMs?: number;
  readonly types: readonly {
    readonly type: ResourceType;
    readonly resources: number;
    readonly acked: number;
    readonly pending: boolean;
    readonly acks: number;
    readonly nacks: number;
  }[];
  readonly quarantined: readonly { readonly ref: Ref; readonly version: string; readonly text: string }[];
}

export interface XdsResource {
  readonly type: ResourceType;
  readonly name: string;
  readonly version: string;
  readonly acknowledged: boolean;
  readonly bytes: Uint8Array;
}

/** Someone waits for what Envoy makes of one version (undefined = its removal). */
interface Waiter {
  readonly type: ResourceType;
  readonly name: string;
  readonly version: string | undefined;
  readonly done: (outcome: Outcome) => void;
  readonly startedAt: number;
}

/** A change with bytes, as the snapshot has it. */
interface Put {
  readonly change: Change;
  readonly version: string;
  /** What was in force before. */
  readonly good: Entry | undefined;
}

/** Nobody has waited for it yet, or nobody had asked for it. */
const isOpen = (outcome: Outcome | undefined): boolean => outcome === undefined || outcome.state === "stored";

export class XdsServer {
  readonly #cache = new SnapshotCache();
  readonly #options: XdsServerOptions;
  readonly #streams = new Set<XdsStream>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #waiters = new Set<Waiter>();
  readonly #quarantine = new Map<Ref, { readonly version: string; readonly text: string }>();
  readonly #counts = new Map(TYPES.map((t) => [t, { acks: 0, nacks: 0 }]));
  #server: Http2Server | undefined;

  constructor(options: XdsServerOptions) {
    this.#options = options;
  }

  /**
   * Opens the socket. To be called when the snapshot is whole: what a connecting Envoy already has and the snapshot does
   * not is taken away from it.
   */
  async listen(path: string): Promise<void> {
    if (Buffer.byteLength(path) > 100)
      throw new CatalystError("ERR_INVALID_ARGUMENT", `"${path}" is too long`);
    rmSync(path, { force: true });
    const server = createServer({ settings: { maxConcurrentStreams: XDS_LIMITS.streams } });
    server.on("session", (session) => this.#session(session));
    server.on("stream", (stream, headers) => {
      stream.on("error", () => stream.close());
      if (headers[":path"] !== PATH || headers[":method"] !== "POST")
        stream.respond(
          { ":status": 200, "content-type": "application/grpc", "grpc-status": "12" },
          { endStream: true },
        );
      else {
        const opened = new XdsStream(stream, this.#host);
        this.#streams.add(opened);
      }
    });
    // The socket must never exist with a wider mode, not even for a moment; the call below creates it synchronously.
    const before = process.umask(0o177);
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(path, resolve);
        process.umask(before);
      });
    } finally {
      process.umask(before);
    }
    this.#server = server;
  }

  async close(): Promise<void> {
    for (const stream of this.#streams) stream.close();
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const session of this.#sessions) session.destroy();
    await closed;
  }

  get connected(): boolean {
    return this.#streams.size > 0;
  }

  /** The version in the snapshot is in force in an Envoy that is connected. */
  acknowledged(type: ResourceType, name: string): boolean {
    const version = this.#cache.get(type, name)?.version;
    if (version === undefined) return false;
    return [...this.#streams].some((s) => s.subscription(type)?.acked(name, version) === true);
  }

  /** Throws ERR_XDS_REFERENCE, and changes nothing, when something would name what is not there. */
  async publish(changes: readonly Change[]): Promise<Published> {
    const startedAt = performance.now();
    this.#cache.check(changes);
    const outcomes = new Map<Ref, Outcome>();
    const sets: Put[] = [];
    for (const change of changes) {
      if (change.bytes === undefined) continue;
      const good = this.#cache.good(change.type, change.name);
      const entry = this.#cache.set(change.type, change.name, change.bytes, change.needs ?? []);
      this.#quarantine.delete(refOf(change.type, change.name));
      sets.push({ change, version: entry.version, good });
    }
    for (const phase of PHASES) {
      const ready = this.#whole(
        sets.filter((s) => phase.includes(s.change.type)),
        outcomes,
      );
      if (ready.length === 0) continue;
      await this.#bring(ready);
      if (!this.#inForce(ready)) await this.#settleAll(ready, outcomes, startedAt);
    }
    // Phase by phase some were not asked for yet, because what names them came later.
    const open = sets.filter((s) => isOpen(outcomes.get(refOf(s.change.type, s.change.name))));
    // Nothing is waited for where there is nothing: what only goes is gone from the snapshot when the call returns.
    if (open.length > 0) await this.#settleAll(open, outcomes, startedAt);
    // Routes that did not wait for a cluster, which was refused after all, go back to what was good of them.
    const routes = sets.filter((s) => s.change.type === "route");
    if (this.#whole(routes, outcomes).length < routes.length) await this.#send();
    for (const type of REMOVALS) {
      const going = changes.filter((c) => c.bytes === undefined && c.type === type);
      if (going.length > 0) await this.#takeAway(going, outcomes, startedAt);
    }
    return { ms: performance.now() - startedAt, outcomes };
  }

  /**
   * Whatever Envoy has under these names stays with it until they are published, or taken away in so many words: for what
   * an orchestrator just started cannot know yet.
   */
  hold(refs: readonly Ref[]): void {
    for (const ref of refs) this.#cache.hold(ref);
  }

  /** The snapshot. */
  *resources(): Generator<XdsResource> {
    for (const type of TYPES)
      for (const name of this.#cache.names(type)) {
        const entry = this.#cache.get(type, name);
        if (entry === undefined) continue;
        const { version, acked: acknowledged } = entry;
        yield { type, name, version, acknowledged, bytes: valueOf(entry.wire) };
      }
  }

  status(): XdsStatus {
    const stream = [...this.#streams].at(-1);
    const progress = new Map(stream?.progress().map((p) => [p.type, p]));
    const types = TYPES.map((type) => ({
      type,
      resources: this.#cache.size(type),
      acked: progress.get(type)?.acked ?? 0,
      pending: progress.get(type)?.pending ?? false,
      ...(this.#counts.get(type) ?? { acks: 0, nacks: 0 }),
    }));
    const quarantined = [...this.#quarantine].map(([ref, why]) => ({ ref, ...why }));
    if (stream === undefined) return { connected: false, types, quarantined };
    return {
      connected: true,
      connectedForMs: performance.now() - stream.since,
      types,
      quarantined,
      ...(stream.node === undefined ? {} : { node: { id: stream.node.id, version: stream.node.version } }),
      ...(stream.lastAckMs === undefined ? {} : { lastAckMs: stream.lastAckMs }),
    };
  }

  /** Those whose needs are all there; the others name what Envoy refused. */
  #whole(sets: readonly Put[], outcomes: Map<Ref, Outcome>): Put[] {
    return sets.filter(({ change: { type, name, needs = [] }, version, good }) => {
      const missing = this.#cache.missing(needs);
      if (missing === undefined) return true;
      const text = `names ${missing}, which Envoy refused`;
      this.#quarantineEntry(type, name, { version, text }, good);
      outcomes.set(refOf(type, name), { state: "refused", text });
      return false;
    });
  }

  async #bring(sets: readonly Put[]): Promise<void> {
    for (const stream of this.#streams)
      for (const { change } of sets) stream.mark(change.type, [change.name]);
    await this.#send();
  }

  /** All of it is with Envoy, and stands as soon as it is read: what names it may follow at once, in the same stream. */
  #inForce(sets: readonly Put[]): boolean {
    return sets.every(
      ({ change: { type, name, atOnce = false }, version }) =>
        atOnce && [...this.#streams].every((s) => s.subscription(type)?.sent(name, version) === true),
    );
  }

  /**
   * What one commit wants at ingress, at egress and for peers is published at once: it goes out as one response a type. Else the
   * second one waits for Envoy's answer to the first, type by type.
   */
  async #send(): Promise<void> {
    await new Promise<void>((resolve) => process.nextTick(resolve));
    for (const stream of this.#streams) stream.flush();
  }

  async #settleAll(sets: readonly Put[], outcomes: Map<Ref, Outcome>, startedAt: number): Promise<void> {
    await Promise.all(
      sets.map(async ({ change: { type, name }, version }) => {
        outcomes.set(refOf(type, name), await this.#settled(type, name, version, startedAt));
      }),
    );
  }

  async #takeAway(changes: readonly Change[], outcomes: Map<Ref, Outcome>, startedAt: number): Promise<void> {
    const going = changes.filter(({ type, name }) => {
      const [by] = this.#cache.dependents(refOf(type, name));
      if (by === undefined) return true;
      outcomes.set(refOf(type, name), { state: "kept", by });
      return false;
    });
    for (const { type, name } of going) {
      this.#cache.put(type, name, undefined);
      this.#quarantine.delete(refOf(type, name));
      for (const stream of this.#streams) stream.mark(type, [name]);
    }
    await this.#send();
    await Promise.all(
      going.map(async ({ type, name }) => {
        outcomes.set(refOf(type, name), await this.#settled(type, name, undefined, startedAt));
      }),
    );
  }

  #settled(
    type: ResourceType,
    name: string,
    version: string | undefined,
    startedAt: number,
  ): Promise<Outcome> {
    const now = this.#outcome(type, name, version, startedAt);
    if (now !== undefined) return Promise.resolve(now);
    return new Promise((resolve) => {
      const limit = setTimeout(
        () => waiter.done({ state: "unanswered", ms: performance.now() - startedAt }),
        this.#options.answerMs ?? XDS_LIMITS.answerMs,
      );
      const waiter: Waiter = {
        type,
        name,
        version,
        startedAt,
        done: (outcome) => {
          clearTimeout(limit);
          this.#waiters.delete(waiter);
          resolve(outcome);
        },
      };
      this.#waiters.add(waiter);
    });
  }

  /** Undefined while Envoy still has to answer. */
  #outcome(
    type: ResourceType,
    name: string,
    version: string | undefined,
    startedAt: number,
  ): Outcome | undefined {
    const ref = refOf(type, name);
    const refused = this.#quarantine.get(ref);
    if (version !== undefined && refused?.version === version)
      return { state: "refused", text: refused.text };
    if (this.#cache.get(type, name)?.version !== version) return { state: "superseded" };
    let asked = false;
    for (const stream of this.#streams) {
      const subscription = stream.subscription(type);
      if (version === undefined) {
        if (subscription?.gone(name) === false) return undefined;
        asked ||= subscription !== undefined;
      } else if (subscription?.wants(name) === true) {
        if (!subscription.acked(name, version)) return undefined;
        asked = true;
      } else if (this.#willAsk(stream, ref)) return undefined;
    }
    return asked ? { state: "acknowledged", ms: performance.now() - startedAt } : { state: "stored" };
  }

  /** Envoy has something that names it, so it is going to ask. */
  #willAsk(stream: XdsStream, ref: Ref): boolean {
    for (const dependent of this.#cache.dependents(ref)) {
      const [type, name] = splitRef(dependent);
      if (stream.subscription(type)?.has(name) === true) return true;
    }
    return false;
  }

  #recheck(): void {
    for (const waiter of this.#waiters) {
      const outcome = this.#outcome(waiter.type, waiter.name, waiter.version, waiter.startedAt);
      if (outcome !== undefined) waiter.done(outcome);
    }
  }

  #quarantineEntry(
    type: ResourceType,
    name: string,
    why: { readonly version: string; readonly text: string },
    good = this.#cache.get(type, name)?.lastGood,
  ): void {
    if (this.#cache.get(type, name)?.version !== why.version) return; // a newer one is already there
    this.#quarantine.set(refOf(type, name), why);
    this.#cache.put(type, name, good);
    if (good !== undefined) for (const stream of this.#streams) stream.mark(type, [name]);
  }

  readonly #host: StreamHost = {
    cache: this.#cache,
    now: () => performance.now(),
    answered: (stream, answer) => this.#answered(stream, answer),
    moved: () => {
      this.#recheck();
      this.#options.onAnswered?.();
    },
    closed: (stream, problem) => {
      this.#streams.delete(stream);
      if (problem !== undefined) this.#options.log.warn({ problem }, "an xDS stream was closed");
      this.#recheck();
    },
  };

  #answered(from: XdsStream, answer: Answer): void {
    const counts = this.#counts.get(answer.type);
    if (counts !== undefined) counts[answer.error ? "nacks" : "acks"]++;
    const { type } = answer;
    for (const { name, entry } of answer.applied) {
      entry.acked = true;
      entry.lastGood = undefined;
      // A newer version may have been published before the answer came.
      const current = this.#cache.get(type, name);
      if (current !== undefined && current !== entry && !current.acked) current.lastGood = entry;
    }
    for (const { name, entry, text } of answer.refused) {
      this.#options.log.warn({ type, name, reason: text }, "Envoy refused a resource");
      const waited = [...this.#waiters].some(
        (w) => w.type === type && w.name === name && w.version === entry.version,
      );
      this.#quarantineEntry(type, name, { version: entry.version, text });
      if (!waited) this.#options.onRefused?.(type, name, text);
    }
    for (const stream of this.#streams) if (stream !== from) stream.flush();
  }

  #session(session: ServerHttp2Session): void {
    if (this.#sessions.size >= XDS_LIMITS.sessions) {
      session.destroy();
      return;
    }
    this.#sessions.add(session);
    session.on("error", () => session.destroy());
    session.on("close", () => this.#sessions.delete(session));
  }
}
