// The serving end: accepts WebSockets on a unix socket, a TCP address or a server that exists already, one
// session each. Before a session stands the caller can make us do next to nothing: one request head, bounded
// in time and size. Requests of browsers from other pages (`Origin`) are refused, so no web page can speak to
// a part that listens on loopback.

import { createServer, type IncomingMessage, type Server as HttpServer } from "node:http";
import { connect as connectSocket } from "node:net";
import type { Duplex } from "node:stream";
import { chmod, unlink } from "node:fs/promises";
import { WebSocketServer } from "ws";
import { RPC_PROTOCOL, type Address } from "./connect.ts";
import { CatalystError } from "./errors.ts";
import type { Exposed } from "./expose.ts";
import { DEFAULT_RPC_LIMITS } from "./limits.ts";
import type { Session, SessionOptions } from "./session-types.ts";
import { LiveSession } from "./session.ts";
import { SocketWire } from "./socket-wire.ts";

export type Listen =
  | { readonly unix: string; readonly mode?: number }
  | { readonly host: string; readonly port: number }
  /** Takes the upgrade requests of `path` ("/rpc") only; listening and closing stay with the owner. */
  | { readonly server: Upgradable; readonly path?: string };

export interface Upgradable {
  on(event: "upgrade", listener: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): unknown;
  off(event: "upgrade", listener: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): unknown;
}

export interface ServeOptions extends SessionOptions {
  /** Sessions at the same time; default 256. */
  readonly sessionsMax?: number;
  readonly protocol?: string;
  /**
   * Decides on a request before a session stands, by certificate or origin. Default: refuses requests with an
   * `Origin`.
   */
  readonly allow?: (request: IncomingMessage) => boolean;
}

export interface Server {
  /** Undefined for a server that listens by itself. */
  readonly address: Address | undefined;
  readonly sessions: ReadonlySet<Session>;
  close(): Promise<void>;
}

export async function serve<Back extends object = object>(
  listen: Listen,
  makeMain: (session: Session<Back>, request: IncomingMessage) => Exposed,
  options: ServeOptions = {},
): Promise<Server> {
  const sessions = new Set<Session>();
  const upgrade = upgrader(sessions, makeMain, options);
  if ("server" in listen) {
    const path = listen.path ?? "/rpc";
    const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
      if (request.url === path) upgrade(request, socket, head);
    };
    listen.server.on("upgrade", onUpgrade);
    const close = async (): Promise<void> => {
      listen.server.off("upgrade", onUpgrade);
      await endAll(sessions);
    };
    return { address: undefined, sessions, close };
  }
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 10_000 }, (_request, response) => {
    response.writeHead(426, { connection: "close" }).end();
  });
  server.maxHeadersCount = 32;
  server.on("upgrade", upgrade);
  const address = await start(server, listen);
  const close = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    await endAll(sessions);
    server.closeAllConnections();
    await closed;
  };
  return { address, sessions, close };
}

function upgrader<Back extends object>(
  sessions: Set<Session>,
  makeMain: (session: Session<Back>, request: IncomingMessage) => Exposed,
  options: ServeOptions,
): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
  const { sessionsMax = 256, protocol = RPC_PROTOCOL } = options;
  const allow = options.allow ?? ((request) => request.headers.origin === undefined);
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: options.limits?.messageBytes ?? DEFAULT_RPC_LIMITS.messageBytes,
    handleProtocols: (offered) => (offered.has(protocol) ? protocol : false),
  });
  return (request, socket, head) => {
    const offered = request.headers["sec-websocket-protocol"]?.split(",").map((name) => name.trim());
    if (offered?.includes(protocol) !== true) return refuse(socket, "400 Bad Request");
    if (!allow(request)) return refuse(socket, "403 Forbidden");
    if (sessions.size >= sessionsMax) return refuse(socket, "503 Service Unavailable");
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const { remoteAddress, remotePort } = request.socket;
      const remote = remoteAddress === undefined ? "unix" : `${remoteAddress}:${remotePort ?? 0}`;
      const wire = new SocketWire(webSocket, remote);
      const session = new LiveSession<Back>(wire, (live) => makeMain(live, request), options);
      sessions.add(session);
      void session.closed.then(() => sessions.delete(session));
    });
  };
}

function refuse(socket: Duplex, status: string): void {
  // A caller that is gone already is no news.
  socket.on("error", () => undefined);
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}

async function start(server: HttpServer, listen: Exclude<Listen, { server: unknown }>): Promise<Address> {
  if ("unix" in listen) {
    await clear(listen.unix);
    await listening(server, () => server.listen({ path: listen.unix }), listen.unix);
    // The directory is 0700; the mode guards against a directory that is not.
    await chmod(listen.unix, listen.mode ?? 0o600);
    return { unix: listen.unix };
  }
  await listening(server, () => server.listen({ host: listen.host, port: listen.port }), listen.host);
  const address = server.address();
  return { host: listen.host, port: typeof address === "object" && address !== null ? address.port : 0 };
}

async function listening(server: HttpServer, begin: () => void, name: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  server.once("listening", () => resolve(undefined));
  server.once("error", (cause) =>
    reject(new CatalystError("ERR_PORT_IN_USE", `cannot listen at ${name}: ${cause.message}`, { cause })),
  );
  begin();
  await promise;
}

/** Takes away the file that a killed process left, but never one behind which somebody answers. */
async function clear(path: string): Promise<void> {
  const state = await new Promise<"answers" | "stale" | "free">((resolve) => {
    const socket = connectSocket({ path });
    socket.once("connect", () => {
      socket.destroy();
      resolve("answers");
    });
    socket.once("error", (error) =>
      resolve("code" in error && error.code === "ECONNREFUSED" ? "stale" : "free"),
    );
  });
  if (state === "answers") throw new CatalystError("ERR_PORT_IN_USE", `another process answers at ${path}`);
  if (state === "stale") await unlink(path);
}

async function endAll(sessions: ReadonlySet<Session>): Promise<void> {
  const all = [...sessions];
  for (const session of all) session.close("the part is stopping");
  await Promise.all(all.map((session) => session.closed));
}
