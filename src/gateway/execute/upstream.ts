// One service as the executor sees it: its healthy URLs in turn, its headers, its time limit. A query that met a dead
// connection or a 502 to 504 is sent once more, to another URL where there is one, out of a budget of a tenth of all requests;
// a mutation never is. Invariant: `authorization` and what our own Envoy adds never reach a service.

import type { GatewayService } from "#rpc";
import type { Span } from "#telemetry";
import type { GatewayInstruments } from "../instruments.ts";
import { exchange, type Endpoint, type Reply, type Transport } from "./transport.ts";

export type SendCode =
  | "ERR_SUBGRAPH_UNREACHABLE"
  | "ERR_SUBGRAPH_TIMEOUT"
  | "ERR_SUBGRAPH_STATUS"
  | "ERR_SUBGRAPH_PROTOCOL"
  | "ERR_SUBGRAPH_OPEN"
  | "ERR_QUERY_TIMEOUT";

export type Sent =
  | { readonly ok: true; readonly status: number; readonly bytes: Buffer }
  | { readonly ok: false; readonly code: SendCode };

export interface SendContext {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Milliseconds left of the whole request. */
  readonly leftMs: number;
  readonly bytesMax: number;
  /** Of the whole request; undefined when it is not traced. */
  readonly span: Span | undefined;
}

/** Shared by all upstreams: retries are a tenth of what is sent, with a small reserve to start from. */
export class RetryBudget {
  #tokens = 10;

  earn(): void {
    if (this.#tokens < 10) this.#tokens += 0.1;
  }

  spend(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

export interface UpstreamTools {
  readonly transport: Transport;
  readonly budget: RetryBudget;
  readonly now: () => number;
  /** Join equal queries that are under way at the same time. */
  readonly dedupe: boolean;
  readonly instruments: GatewayInstruments | undefined;
}

const NEVER_FORWARDED =
  /^(authorization|proxy-authorization|host|connection|content-length|content-type|accept|te|transfer-encoding|upgrade|keep-alive|x-catalyst-.*)$/;

export class Upstream {
  readonly name: string;
  readonly shortName: string;
  /** Comes from another organization: its bytes are never forwarded unread, its texts not shown. */
  readonly foreign: boolean;
  readonly #endpoints: readonly Endpoint[];
  readonly #urls: readonly string[];
  readonly #via: string | undefined;
  readonly #timeoutMs: number;
  readonly #fixed: readonly string[];
  readonly #forward: readonly string[];
  readonly #tools: UpstreamTools;
  readonly #flights: Map<string, Promise<Sent>> | undefined;
  #turn = 0;

  constructor(service: GatewayService, tools: UpstreamTools) {
    this.name = service.name;
    this.shortName = service.shortName;
    this.foreign = service.foreign !== undefined;
    this.#tools = tools;
    this.#timeoutMs = service.timeoutMs;
    this.#urls = service.urls;
    this.#via = service.via;
    this.#endpoints = service.urls.map((url) => tools.transport.hold(url, service.via));
    this.#forward = service.headers.forward.filter((name) => !NEVER_FORWARDED.test(name));
    const fixed = ["content-type", "application/json", "accept", "application/json"];
    for (const [name, value] of Object.entries(service.headers.set)) {
      if (!/^(host|connection|content-length|content-type|accept|transfer-encoding)$/i.test(name)) {
        fixed.push(name.toLowerCase(), value);
      }
    }
    this.#fixed = fixed;
    this.#flights = tools.dedupe ? new Map() : undefined;
  }

  /** Gives the endpoints back; called once, when the generation is freed. */
  release(): void {
    for (const url of this.#urls) this.#tools.transport.release(url, this.#via);
  }

  get open(): boolean {
    return this.#endpoints.length > 0 && this.#endpoints.every(({ breaker }) => breaker.state === "open");
  }

  send(body: Buffer | string, operation: "query" | "mutation", context: SendContext): Promise<Sent> {
    if (context.span !== undefined) return this.#traced(context.span, body, operation, context);
    const headers = this.#headers(context);
    if (this.#flights === undefined || operation === "mutation")
      return this.#send(body, operation, headers, context);
    // Everything the service could tell two requests apart by is part of the key.
    const key = `${headers.join("\n")}\n\n${String(body)}`;
    const known = this.#flights.get(key);
    if (known !== undefined) return known;
    const flights = this.#flights;
    const flight = this.#send(body, operation, headers, context).finally(() => flights.delete(key));
    flights.set(key, flight);
    return flight;
  }

  /** Never joined to another one: each has a span of its own. */
  async #traced(
    request: Span,
    body: Buffer | string,
    operation: "query" | "mutation",
    context: SendContext,
  ): Promise<Sent> {
    const attributes = { subgraph: this.name, peer: this.foreign };
    const span = request.child("graphql.fetch", "client", attributes);
    try {
      // Another organization has no business with our traces.
      const headers = this.#headers(context, this.foreign ? undefined : span.traceparent);
      const sent = await this.#send(body, operation, headers, context);
      if (sent.ok) span.set("status", sent.status);
      else span.fail(sent.code);
      return sent;
    } finally {
      span.end();
    }
  }

  async #send(
    body: Buffer | string,
    operation: "query" | "mutation",
    headers: string[],
    context: SendContext,
  ): Promise<Sent> {
    const { instruments, now, budget } = this.#tools;
    const started = now();
    budget.earn();
    let endpoint = this.#next(undefined);
    let outcome: Sent = { ok: false, code: "ERR_SUBGRAPH_OPEN" };
    if (endpoint === undefined && this.#endpoints.length === 0)
      outcome = { ok: false, code: "ERR_SUBGRAPH_UNREACHABLE" };
    for (let attempt = 0; endpoint !== undefined; attempt++) {
      const left = context.leftMs - (now() - started);
      const timeoutMs = Math.min(this.#timeoutMs, left);
      if (timeoutMs <= 0) {
        endpoint.breaker.release();
        outcome = { ok: false, code: "ERR_QUERY_TIMEOUT" };
        break;
      }
      const reply = await exchange(endpoint, headers, body, timeoutMs, context.bytesMax);
      outcome = judge(reply, left <= this.#timeoutMs);
      const retry = isRetriable(reply);
      if (reply.ok ? !retry : reply.failure === "too-large") endpoint.breaker.success();
      else endpoint.breaker.failure();
      if (!retry || operation === "mutation" || attempt > 0 || !budget.spend()) break;
      endpoint = this.#next(endpoint);
    }
    instruments?.fetch(this.name, outcome.ok ? "ok" : outcome.code, (now() - started) / 1_000);
    return outcome;
  }

  /** The next endpoint whose breaker admits a call; another one than `not` where there is any. */
  #next(not: Endpoint | undefined): Endpoint | undefined {
    const { length } = this.#endpoints;
    for (let step = 0; step < length; step++) {
      const endpoint = this.#endpoints[this.#turn++ % length];
      if (endpoint === undefined || (endpoint === not && length > 1)) continue;
      if (endpoint.breaker.admit()) return endpoint;
    }
    return undefined;
  }

  /** `traceparent` takes the place of the client's. */
  #headers(context: SendContext, traceparent?: string): string[] {
    // Copied only when something is added; undici does not keep it.
    if (this.#forward.length === 0 && traceparent === undefined) return this.#fixed as string[];
    const headers = [...this.#fixed];
    if (traceparent !== undefined) headers.push("traceparent", traceparent);
    for (const name of this.#forward) {
      if (traceparent !== undefined && name === "traceparent") continue;
      const value = context.headers[name];
      if (typeof value === "string") headers.push(name, value);
      else if (value !== undefined) headers.push(name, value.join(", "));
    }
    return headers;
  }
}

function isRetriable(reply: Reply): boolean {
  if (reply.ok) return reply.status >= 502 && reply.status <= 504;
  return reply.failure === "unreachable";
}

function judge(reply: Reply, requestBound: boolean): Sent {
  if (!reply.ok) {
    switch (reply.failure) {
      case "unreachable":
        return { ok: false, code: "ERR_SUBGRAPH_UNREACHABLE" };
      case "timeout":
        return { ok: false, code: requestBound ? "ERR_QUERY_TIMEOUT" : "ERR_SUBGRAPH_TIMEOUT" };
      case "broken":
      case "too-large":
        return { ok: false, code: "ERR_SUBGRAPH_PROTOCOL" };
    }
  }
  const { status, bytes } = reply;
  if (status >= 500 && status !== 500) return { ok: false, code: "ERR_SUBGRAPH_STATUS" };
  if (reply.json) return { ok: true, status, bytes };
  return { ok: false, code: status >= 200 && status < 300 ? "ERR_SUBGRAPH_PROTOCOL" : "ERR_SUBGRAPH_STATUS" };
}
