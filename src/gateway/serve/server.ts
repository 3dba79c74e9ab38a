// The HTTP side of the graph (GraphQL over HTTP): POST and GET on /graphql, batches, the page for browsers, /healthz. One class
// for both listeners; they differ only in who proves the identity and in whether auth's public paths are forwarded. Invariants:
// a request a browser could send across sites without asking is refused; every answer is JSON with a code, also of refusals.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { ErrorCode } from "#rpc";
import type { Generation } from "../execute/generation.ts";
import { answerOf, refusal, type Answer, type Executor } from "../execute/executor.ts";
import type { GatewayInstruments } from "../instruments.ts";
import { readBody, readParameters, readQueryString, type Parameters } from "./body.ts";
import type { Identified, Identity } from "./identity.ts";
import type { PageServer } from "./page.ts";
import { AUTH_PATHS, proxyAuth } from "./proxy.ts";

export interface ServerOptions {
  readonly identity: Identity;
  readonly executor: Executor;
  readonly current: () => Generation | undefined;
  readonly instruments: GatewayInstruments | undefined;
  /** What a browser sees. */
  readonly page: PageServer;
  /** Socket of auth's HTTP side, to forward its public paths; absent behind Envoy. */
  readonly authSocket?: string | undefined;
  /** Behind our Envoy connections stay open as long as it likes; other clients get a minute. */
  readonly keepAliveMs: number;
}

/** Variables are the client's to fill; a document alone has its own, smaller limit. */
const BODY_MAX = 2 * 1024 * 1024;
const CONNECTIONS_MAX = 10_000;
const ONE_WRITE_MAX = 64 * 1024;

export class GatewayServer {
  readonly server: Server;
  readonly #options: ServerOptions;
  #draining = false;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.server = createServer(
      {
        keepAliveTimeout: options.keepAliveMs,
        requestTimeout: 30_000,
        headersTimeout: 10_000,
        noDelay: true,
      },
      (request, response) => this.#route(request, response),
    );
    this.server.maxConnections = CONNECTIONS_MAX;
  }

  /** Requests under way are finished; after `drainMs` the connections are cut. */
  async close(drainMs: number): Promise<void> {
    this.#draining = true;
    if (!this.server.listening) return;
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeIdleConnections();
    const timer = setTimeout(() => this.server.closeAllConnections(), drainMs);
    await closed;
    clearTimeout(timer);
  }

  #route(request: IncomingMessage, response: ServerResponse): void {
    const url = request.url ?? "/";
    const end = url.indexOf("?");
    const path = end < 0 ? url : url.slice(0, end);
    if (path === "/graphql") {
      if (request.method === "POST") void this.#post(request, response);
      else if (request.method === "GET") void this.#get(request, response, end < 0 ? "" : url.slice(end + 1));
      else this.#refuse(response, 405, "ERR_QUERY_INVALID", "use POST or GET", ["allow", "GET, POST"]);
      return;
    }
    if (path === "/healthz") return this.#health(response);
    const { authSocket } = this.#options;
    if (authSocket !== undefined && AUTH_PATHS.has(path)) {
      void proxyAuth(authSocket, path, request, response);
      return;
    }
    this.#refuse(response, 404, "ERR_NOT_FOUND", "there is nothing at this path", []);
  }

  async #post(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const type = request.headers["content-type"];
    // Also the check against cross-site requests: a browser asks first before it sends this type to another site.
    if (type === undefined || !/^application\/(graphql\+)?json\s*(;|$)/i.test(type)) {
      const text = "the content type must be application/json";
      return this.#refuse(response, 415, "ERR_QUERY_INVALID", text, ["connection", "close"]);
    }
    const generation = this.#options.current();
    if (generation === undefined) return this.#unready(response);
    const identified = this.#identify(request, generation);
    const who = identified instanceof Promise ? await identified : identified;
    if (!who.ok) return this.#unauthorized(response, who, true);
    const body = await readBody(request, BODY_MAX);
    if (!body.ok) {
      if (body.reason === "aborted") return;
      const text = `the request is larger than ${BODY_MAX} bytes`;
      return this.#refuse(response, 413, "ERR_QUERY_LIMIT", text, ["connection", "close"]);
    }
    let value: unknown;
    try {
      value = JSON.parse(body.bytes.toString("utf8"));
    } catch {
      return this.#refuse(response, 400, "ERR_QUERY_INVALID", "the body is not JSON", []);
    }
    // What was applied while the body came in serves it already.
    const serving = this.#options.current() ?? generation;
    const answer = Array.isArray(value)
      ? await this.#batch(serving, value, request, who.scope)
      : await this.#one(serving, readParameters(value), request, who.scope, false);
    this.#send(response, answer, request);
  }

  async #get(request: IncomingMessage, response: ServerResponse, search: string): Promise<void> {
    // A browser's navigation gets the page and never an execution: the path is public in this form.
    if (request.headers.accept?.includes("text/html")) return this.#page(request, response);
    if (!asksFirst(request)) {
      const text =
        "a query by GET needs a header that browsers do not send across sites unasked: " +
        "authorization, content-type: application/json, or graphql-require-preflight: 1";
      return this.#refuse(response, 400, "ERR_QUERY_INVALID", text, []);
    }
    const generation = this.#options.current();
    if (generation === undefined) return this.#unready(response);
    const identified = this.#identify(request, generation);
    const who = identified instanceof Promise ? await identified : identified;
    if (!who.ok) return this.#unauthorized(response, who, false);
    const answer = await this.#one(generation, readQueryString(search), request, who.scope, true);
    this.#send(response, answer, request);
  }

  async #page(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#options.page.serve(request, response);
    } catch {
      // Why, `PageOptions.failed` was told.
      if (response.headersSent) return void response.destroy();
      const text = "the page cannot be made at the moment";
      this.#refuse(response, 503, "ERR_INTERNAL", text, ["retry-after", "5"]);
    }
  }

  #identify(request: IncomingMessage, generation: Generation): Identified | Promise<Identified> {
    return this.#options.identity.identify(request.headers, generation.config.identity);
  }

  #one(
    generation: Generation,
    parameters: Parameters | string,
    request: IncomingMessage,
    scope: Extract<Identified, { ok: true }>["scope"],
    queriesOnly: boolean,
  ): Promise<Answer> {
    if (typeof parameters === "string") {
      return Promise.resolve(refusal(400, "ERR_QUERY_INVALID", [{ message: parameters }]));
    }
    const { document, operationName, variables } = parameters;
    const { headers } = request;
    return this.#options.executor.execute(generation, {
      document,
      operationName,
      variables,
      headers,
      scope,
      queriesOnly,
    });
  }

  async #batch(
    generation: Generation,
    list: readonly unknown[],
    request: IncomingMessage,
    scope: Extract<Identified, { ok: true }>["scope"],
  ): Promise<Answer> {
    const { batch } = generation.config.limits;
    if (list.length === 0) return refusal(400, "ERR_QUERY_INVALID", [{ message: "the batch is empty" }]);
    if (list.length > batch) {
      return refusal(400, "ERR_QUERY_LIMIT", [{ message: `a batch may hold at most ${batch} requests` }]);
    }
    const answers = await Promise.all(
      list.map((value) => this.#one(generation, readParameters(value), request, scope, false)),
    );
    return { status: 200, body: `[${answers.map(({ body }) => body.toString()).join(",")}]`, ascii: false };
  }

  #send(response: ServerResponse, { status, body, ascii }: Answer, request: IncomingMessage): void {
    const accept = request.headers.accept;
    const type =
      accept !== undefined && accept.includes("application/graphql-response+json")
        ? "application/graphql-response+json; charset=utf-8"
        : "application/json; charset=utf-8";
    const length = typeof body === "string" && !ascii ? Buffer.byteLength(body) : body.length;
    const headers = ["content-type", type, "content-length", String(length)];
    if (this.#draining) headers.push("connection", "close");
    if (request.method === "GET") headers.push("cache-control", "no-store");
    response.writeHead(status, headers);
    // Text goes out in one write together with the headers; bytes would be a second chunk of a gathering write. Only where
    // there is much to copy is that the cheaper one.
    if (typeof body === "string") response.end(body, ascii ? "latin1" : "utf8");
    else if (body.length <= ONE_WRITE_MAX) response.end(body.toString("latin1"), "latin1");
    else response.end(body);
  }

  #refuse(response: ServerResponse, status: number, code: ErrorCode, message: string, extra: string[]): void {
    this.#options.instruments?.rejected(code);
    const { body } = answerOf(status, { errors: [{ message, extensions: { code } }] });
    const headers = ["content-type", "application/json; charset=utf-8"];
    headers.push("content-length", String(Buffer.byteLength(body)), ...extra);
    response.writeHead(status, headers).end(body);
  }

  /** The body of an unread request is not worth reading: the connection ends. */
  #unauthorized(response: ServerResponse, who: Extract<Identified, { ok: false }>, unread: boolean): void {
    const away = who.code === "ERR_RPC_CLOSED";
    const challenge = away ? ["retry-after", "1"] : ["www-authenticate", "Bearer"];
    const extra = unread ? [...challenge, "connection", "close"] : challenge;
    this.#refuse(response, away ? 503 : 401, who.code, who.message, extra);
  }

  #unready(response: ServerResponse): void {
    const text = "the gateway is starting and has no graph yet: ask again";
    this.#refuse(response, 503, "ERR_PART_DOWN", text, ["retry-after", "1", "connection", "close"]);
  }

  #health(response: ServerResponse): void {
    const body = JSON.stringify({ ok: !this.#draining, serving: this.#options.current()?.revision ?? 0 });
    const headers = ["content-type", "application/json", "content-length", String(body.length)];
    response.writeHead(this.#draining ? 503 : 200, headers).end(body);
  }
}

/** Whether a browser on another site would have to ask before it sends this. */
function asksFirst(request: IncomingMessage): boolean {
  const { headers } = request;
  return (
    headers.authorization !== undefined ||
    headers["graphql-require-preflight"] !== undefined ||
    headers["apollo-require-preflight"] !== undefined ||
    headers["x-requested-with"] !== undefined ||
    /^application\/json/i.test(headers["content-type"] ?? "")
  );
}
