// One delta ADS stream: the conversation with one Envoy over all types (xDS protocol, "Incremental ADS"). It owns the
// subscriptions, reads requests, writes responses in publishing order, and tells the server what Envoy made of them.

import type { ServerHttp2Stream } from "node:http2";
import { CatalystError } from "#rpc";
import type { SnapshotCache } from "./cache.ts";
import { readRequest, responseBytes } from "./discovery.ts";
import type { DeltaRequest } from "./discovery.ts";
import { FrameReader, frameHead } from "./frame.ts";
import { Subscription } from "./subscription.ts";
import type { Batch, Verdicts } from "./subscription.ts";
import { PHASES, TYPES, TYPE_OF, XDS_LIMITS, splitRef } from "./types.ts";
import type { ResourceType } from "./types.ts";

export interface Answer extends Verdicts {
  readonly type: ResourceType;
  readonly removed: readonly string[];
  readonly ms: number;
  /** Set when the response was refused, whether or not it is known for which resource. */
  readonly error: boolean;
}

export interface StreamHost {
  readonly cache: SnapshotCache;
  /** Never jumps, milliseconds. */
  now(): number;
  answered(stream: XdsStream, answer: Answer): void;
  /** A request was read and everything it led to is sent. */
  moved(stream: XdsStream): void;
  closed(stream: XdsStream, problem: string | undefined): void;
}

const ORDER = PHASES.flat();

/** gRPC status codes that are used here. */
const STATUS = { ok: 0, invalidArgument: 3, resourceExhausted: 8, unavailable: 14 } as const;

export class XdsStream {
  readonly since: number;
  node: DeltaRequest["node"];
  lastAckMs: number | undefined;
  readonly #http: ServerHttp2Stream;
  readonly #host: StreamHost;
  readonly #subscriptions = new Map<ResourceType, Subscription>();
  readonly #sentAt = new Map<ResourceType, number>();
  #nonce = 0;
  #open = true;
  #status: number = STATUS.ok;

  constructor(http: ServerHttp2Stream, host: StreamHost) {
    this.#http = http;
    this.#host = host;
    this.since = host.now();
    const frames = new FrameReader(XDS_LIMITS.requestBytes);
    http.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    http.on("wantTrailers", () => http.sendTrailers({ "grpc-status": String(this.#status) }));
    http.on("data", (chunk: Buffer) => {
      try {
        for (const message of frames.push(chunk)) if (this.#open) this.#request(readRequest(message));
      } catch (error) {
        const limit = error instanceof CatalystError && error.code === "ERR_LIMIT";
        const status = limit ? STATUS.resourceExhausted : STATUS.invalidArgument;
        this.#end(status, error instanceof Error ? error.message : String(error));
      }
    });
    http.on("error", (error) => this.#end(STATUS.unavailable, error.message));
    http.on("end", () => this.#end(STATUS.ok, undefined));
    http.on("close", () => this.#end(STATUS.ok, undefined));
  }

  subscription(type: ResourceType): Subscription | undefined {
    return this.#subscriptions.get(type);
  }

  /** Marks `names` to be looked at; `flush` sends. */
  mark(type: ResourceType, names: Iterable<string>): void {
    const subscription = this.#subscriptions.get(type);
    if (subscription !== undefined) for (const name of names) subscription.mark(name);
  }

  flush(): void {
    if (!this.#open) return;
    // What goes out together is one write to the socket.
    this.#http.cork();
    for (const type of ORDER) {
      const subscription = this.#subscriptions.get(type);
      const nonce = String(this.#nonce + 1);
      const batch = subscription?.next(nonce);
      if (batch === undefined) continue;
      this.#nonce++;
      this.#sentAt.set(type, this.#host.now());
      this.#offer(batch);
      const wires = batch.resources.map((r) => r.entry.wire);
      const pieces = responseBytes(type, nonce, wires, batch.removed);
      this.#http.write(Buffer.concat([frameHead(pieces), ...pieces]));
    }
    this.#http.uncork();
  }

  /**
   * What resources name, of types that come behind theirs, follows them unasked: endpoints of clusters, routes of scopes. A
   * changed EDS cluster stays warming, and CDS unacknowledged, until its endpoints come again.
   */
  #offer({ resources }: Batch): void {
    for (const { entry } of resources)
      for (const need of entry.needs) {
        const [type, name] = splitRef(need);
        if (type === "endpoint") this.#subscriptions.get(type)?.offer(name, true);
        else if (type === "route") this.#subscriptions.get(type)?.offer(name, false);
      }
  }

  close(): void {
    this.#end(STATUS.unavailable, undefined);
  }

  /** How far Envoy is, per type. */
  progress(): { readonly type: ResourceType; readonly acked: number; readonly pending: boolean }[] {
    return TYPES.flatMap((type) => {
      const s = this.#subscriptions.get(type);
      return s === undefined ? [] : [{ type, acked: s.ackedCount, pending: !s.idle }];
    });
  }

  #request(request: DeltaRequest): void {
    this.node ??= request.node;
    const type = TYPE_OF.get(request.typeUrl);
    if (type === undefined) return; // a type that is never served; silence is what the protocol asks for
    let subscription = this.#subscriptions.get(type);
    if (subscription === undefined) {
      subscription = new Subscription(type, this.#host.cache);
      this.#subscriptions.set(type, subscription);
      subscription.begin(request.initialVersions, request.subscribe);
    } else subscription.subscribe(request.subscribe, request.nonce);
    subscription.unsubscribe(request.unsubscribe);
    if (request.nonce !== "") this.#answer(type, subscription, request);
    this.flush();
    this.#host.moved(this);
  }

  #answer(type: ResourceType, subscription: Subscription, request: DeltaRequest): void {
    const removed = subscription.pending?.removed ?? [];
    const verdicts = subscription.answer(request.nonce, request.error);
    if (verdicts === undefined) return;
    const ms = this.#host.now() - (this.#sentAt.get(type) ?? 0);
    if (request.error === undefined) this.lastAckMs = ms;
    this.#host.answered(this, { type, ...verdicts, removed, ms, error: request.error !== undefined });
  }

  #end(status: number, problem: string | undefined): void {
    if (!this.#open) return;
    this.#open = false;
    this.#status = status;
    this.#http.removeAllListeners("data").resume(); // whatever still comes is dropped unread
    if (!this.#http.destroyed) this.#http.end();
    this.#host.closed(this, problem);
  }
}
