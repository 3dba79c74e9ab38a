// What services speak to their node: JSON over HTTP on `run/sdk.sock` (0600), so that any language can (docs/internals/contracts.md
// section 5).
//   POST   /v1/services           {"name","protocol","endpoint"|"endpoints", "lease"?, …} → {"lease","name","ttlMs","renewMs"}
//   DELETE /v1/services/LEASE     → 204
//   GET    /v1/events?lease=LEASE → event stream: `registered` at once, `drain` when the node stops
// The same POST with its lease renews it; a lease that this node does not know is simply given again, so a service that
// registers after a restart of the node needs no other call. Invariant: everything a caller sends has a bound.

import { randomBytes } from "node:crypto";
import { chmodSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { CatalystError } from "#rpc";
import type { Log } from "#kernel";
import type { NodeName, ServiceIntent } from "#routing";
import { intentOf, type ServiceConfig } from "../intents.ts";
import { LEASE_MS, type Leases, RENEW_MS } from "./leases.ts";

export const SDK_LIMITS = {
  /** A registration with labels is below 2 kB; 64 labels of full length fit. */
  bodyBytes: 64 * 1024,
  /** One per registered service and one for its event stream. */
  connections: 20_000,
  streams: 10_000,
  /** A caller that sends its head or body more slowly is cut off. */
  requestMs: 10_000,
  /** Silence on an event stream until a comment is sent, so that both ends notice a dead other one. */
  keepaliveMs: 15_000,
} as const;

const LEASE = /^[A-Za-z0-9_-]{1,64}$/;

const STATUS: Readonly<Record<string, number>> = {
  ERR_INVALID_ARGUMENT: 400,
  ERR_NOT_FOUND: 404,
  ERR_OWNED_BY_CONFIG: 409,
  ERR_SERVICE_CONFLICT: 409,
  ERR_ALREADY_EXISTS: 409,
  ERR_LIMIT: 429,
  ERR_STOPPING: 503,
};

export interface SdkOptions {
  readonly socket: string;
  readonly node: NodeName;
  readonly leases: Leases;
  readonly parseService: (service: unknown) => Promise<ServiceConfig>;
  readonly log: Log;
}

export class SdkServer {
  readonly #options: SdkOptions;
  readonly #server: Server;
  readonly #streams = new Set<ServerResponse>();
  #keepalive: NodeJS.Timeout | undefined;

  constructor(options: SdkOptions) {
    this.#options = options;
    this.#server = createServer(
      { requestTimeout: SDK_LIMITS.requestMs, headersTimeout: SDK_LIMITS.requestMs, maxHeaderSize: 8 * 1024 },
      (request, response) => {
        this.#answer(request, response).catch((error: unknown) => this.#fail(response, error));
      },
    );
    this.#server.maxConnections = SDK_LIMITS.connections;
  }

  async listen(): Promise<void> {
    const { socket } = this.#options;
    rmSync(socket, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(socket, resolve);
    });
    chmodSync(socket, 0o600);
    this.#keepalive = setInterval(() => {
      for (const stream of this.#streams) stream.write(": \n\n");
    }, SDK_LIMITS.keepaliveMs);
    this.#keepalive.unref();
  }

  /** Tells every service that the node goes, then ends all streams. */
  async stop(): Promise<void> {
    clearInterval(this.#keepalive);
    for (const stream of this.#streams) stream.end("event: drain\ndata: {}\n\n");
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeIdleConnections();
    const force = setTimeout(() => this.#server.closeAllConnections(), 500);
    await closed;
    clearTimeout(force);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://node");
    const [, version, collection, lease, more] = url.pathname.split("/");
    if (version !== "v1" || more !== undefined) throw notFound(url.pathname);
    if (collection === "services" && lease === undefined && request.method === "POST")
      return await this.#register(request, response);
    if (collection === "services" && lease !== undefined && request.method === "DELETE") {
      if (!this.#options.leases.has(lease)) throw new CatalystError("ERR_NOT_FOUND", `no lease "${lease}"`);
      await this.#options.leases.end(lease);
      response.writeHead(204).end();
      return;
    }
    if (collection === "events" && lease === undefined && request.method === "GET")
      return this.#stream(url.searchParams.get("lease") ?? "", response);
    throw notFound(`${request.method ?? ""} ${url.pathname}`);
  }

  async #register(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { lease: asked, ...service } = parseObject(await readBody(request));
    const lease = asked ?? randomBytes(12).toString("base64url");
    if (typeof lease !== "string" || !LEASE.test(lease))
      throw new CatalystError("ERR_INVALID_ARGUMENT", "lease must be 1 to 64 letters, digits, - or _");
    const parsed = await this.#options.parseService(service);
    const intent: ServiceIntent = intentOf(parsed, { kind: "sdk" }, this.#options.node);
    await this.#options.leases.register(lease, intent);
    json(response, 200, { lease, name: intent.name, ttlMs: LEASE_MS, renewMs: RENEW_MS });
  }

  #stream(lease: string, response: ServerResponse): void {
    if (!this.#options.leases.has(lease)) throw new CatalystError("ERR_NOT_FOUND", `no lease "${lease}"`);
    if (this.#streams.size >= SDK_LIMITS.streams)
      throw new CatalystError("ERR_LIMIT", `more than ${SDK_LIMITS.streams} event streams`);
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    response.write(`event: registered\ndata: ${JSON.stringify({ lease })}\n\n`);
    this.#streams.add(response);
    response.on("close", () => this.#streams.delete(response));
    response.on("error", () => this.#streams.delete(response));
  }

  #fail(response: ServerResponse, error: unknown): void {
    const coded = codeOf(error);
    if (coded === undefined) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#options.log.error({ error: text }, "an SDK request failed unexpectedly");
    }
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const { code, message, hint } = coded ?? {
      code: "ERR_INTERNAL",
      message: "the node failed",
      hint: undefined,
    };
    json(response, STATUS[code] ?? 500, {
      error: { code, message, ...(hint === undefined ? {} : { hint }) },
    });
  }
}

const notFound = (what: string): CatalystError => new CatalystError("ERR_NOT_FOUND", `nothing at ${what}`);

/** CatalystError, or the kernel's own error with the same codes. */
function codeOf(error: unknown): { code: string; message: string; hint: string | undefined } | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  if (!error.code.startsWith("ERR_") || error.code.startsWith("ERR_HTTP")) return undefined;
  const hint = "hint" in error && typeof error.hint === "string" ? error.hint : undefined;
  return { code: error.code, message: error.message, hint };
}

function json(response: ServerResponse, status: number, value: unknown): void {
  const text = JSON.stringify(value);
  // The rest of a body that was refused is not read.
  const close = status === 200 ? {} : { connection: "close" };
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    ...close,
  });
  response.end(text);
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > SDK_LIMITS.bodyBytes)
      throw new CatalystError("ERR_LIMIT", `the body is over ${SDK_LIMITS.bodyBytes / 1024} KiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    throw new CatalystError("ERR_INVALID_ARGUMENT", "the body is not JSON");
  }
  throw new CatalystError("ERR_INVALID_ARGUMENT", "the body is not a JSON object");
}
