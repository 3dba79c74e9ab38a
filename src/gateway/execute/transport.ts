// HTTP to the services: one undici pool per origin, shared by all generations, so a change of the graph keeps every socket of
// an unchanged service. One exchange is one object that undici calls back; no streams, no timers of undici. Invariant: an
// exchange settles exactly once, with bytes that are within the limit or with the kind of its failure.

import type { Dispatcher } from "undici";
import { Breaker } from "./breaker.ts";
import { Pool } from "./pool.ts";

/** More bring nothing (measured with 4, 16 and 64). */
export const CONNECTIONS = 16;

export type Failure = "unreachable" | "timeout" | "broken" | "too-large";

export type Reply =
  | { readonly ok: true; readonly status: number; readonly json: boolean; readonly bytes: Buffer }
  | { readonly ok: false; readonly failure: Failure };

/** One URL of a service. Lives as long as any generation names it. */
export interface Endpoint {
  readonly url: string;
  readonly path: string;
  /** Said as `host` where the connection goes to another address than the URL's. */
  readonly host?: string;
  readonly pool: Pool;
  readonly breaker: Breaker;
}

interface Held {
  readonly endpoint: Endpoint;
  readonly pool: string;
  holders: number;
}

export class Transport {
  readonly #now: () => number;
  readonly #pools = new Map<string, { readonly pool: Pool; holders: number }>();
  readonly #endpoints = new Map<string, Held>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** To be given back with `release`. `via` is the "host:port" to connect to in place of the URL's. */
  hold(url: string, via?: string): Endpoint {
    const key = keyOf(url, via);
    const known = this.#endpoints.get(key);
    if (known !== undefined) {
      known.holders += 1;
      return known.endpoint;
    }
    const { origin, host, pathname, search } = new URL(url);
    // Also through one address each service has connections of its own: one that hangs must not hold up the others.
    const pool = keyOf(origin, via);
    const pooled = this.#pools.get(pool) ?? {
      pool: new Pool(via === undefined ? origin : `http://${via}`, {
        connections: CONNECTIONS,
        headersTimeout: 0,
        bodyTimeout: 0,
        allowH2: false,
      }),
      holders: 0,
    };
    pooled.holders += 1;
    this.#pools.set(pool, pooled);
    const endpoint: Endpoint = {
      url,
      path: pathname + search,
      ...(via !== undefined && { host }),
      pool: pooled.pool,
      breaker: new Breaker(this.#now),
    };
    this.#endpoints.set(key, { endpoint, pool, holders: 1 });
    return endpoint;
  }

  release(url: string, via?: string): void {
    const key = keyOf(url, via);
    const held = this.#endpoints.get(key);
    if (held === undefined || --held.holders > 0) return;
    this.#endpoints.delete(key);
    const pooled = this.#pools.get(held.pool);
    if (pooled === undefined || --pooled.holders > 0) return;
    this.#pools.delete(held.pool);
    // Waits for what is under way; nobody can start anything new on it.
    pooled.pool.close().catch(closedTwice);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map(({ pool }) => pool.destroy()));
    this.#pools.clear();
    this.#endpoints.clear();
  }
}

const keyOf = (url: string, via: string | undefined): string => (via === undefined ? url : `${url} ${via}`);

export function exchange(
  endpoint: Endpoint,
  headers: string[],
  body: Buffer | string,
  timeoutMs: number,
  bytesMax: number,
): Promise<Reply> {
  return new Promise((resolve) => {
    const handler = new Exchange(resolve, timeoutMs, bytesMax);
    const { path, host } = endpoint;
    const said = host === undefined ? headers : [...headers, "host", host];
    endpoint.pool.dispatch({ path, method: "POST", headers: said, body }, handler);
  });
}

const ABORT = new Error("no longer wanted");

class Exchange implements Dispatcher.DispatchHandler {
  readonly #resolve: (reply: Reply) => void;
  readonly #bytesMax: number;
  readonly #timer: NodeJS.Timeout;
  #controller: Dispatcher.DispatchController | undefined;
  #settled = false;
  #status = 0;
  #json = false;
  #size = 0;
  #first: Buffer | undefined;
  #more: Buffer[] | undefined;

  constructor(resolve: (reply: Reply) => void, timeoutMs: number, bytesMax: number) {
    this.#resolve = resolve;
    this.#bytesMax = bytesMax;
    this.#timer = setTimeout(onTimeout, timeoutMs, this);
  }

  timeout(): void {
    this.#fail("timeout");
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#settled) controller.abort(ABORT);
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return;
    this.#status = status;
    const type = headers["content-type"];
    this.#json = typeof type === "string" && /^application\/([a-z.-]+\+)?json\b/i.test(type);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#size > this.#bytesMax) this.#fail("too-large");
    else if (this.#first === undefined) this.#first = chunk;
    else if (this.#more === undefined) this.#more = [this.#first, chunk];
    else this.#more.push(chunk);
  }

  onResponseEnd(): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#timer);
    const bytes = this.#more !== undefined ? Buffer.concat(this.#more, this.#size) : (this.#first ?? EMPTY);
    this.#resolve({ ok: true, status: this.#status, json: this.#json, bytes });
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    // Before the headers nothing was answered; the connection may never have stood.
    this.#fail(this.#status === 0 && isConnectFault(error) ? "unreachable" : "broken");
  }

  #fail(failure: Failure): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#timer);
    this.#first = undefined;
    this.#more = undefined;
    this.#resolve({ ok: false, failure });
    this.#controller?.abort(ABORT);
  }
}

const EMPTY = Buffer.alloc(0);

function onTimeout(exchanged: Exchange): void {
  exchanged.timeout();
}

const CONNECT_FAULTS = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EPIPE",
  "ETIMEDOUT",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_SOCKET",
]);

function isConnectFault(error: Error): boolean {
  return CONNECT_FAULTS.has((error as NodeJS.ErrnoException).code ?? "");
}

function closedTwice(): void {}
