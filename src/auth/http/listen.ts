// Puts the HTTP side on a unix socket (for Envoy) or a TCP address (tests, containers), with a limit on everything a client
// can hold: header size and time, request time, connections. Follows docs/internals/contracts.md section 2 and
// docs/internals/identity.md section 16. Invariants: the socket's mode is 0600 from the moment anybody can connect; a socket file
// left by a killed process is taken over, a living one never.

import { chmodSync } from "node:fs";
import { lstat, unlink } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { connect } from "node:net";
import { CatalystError } from "#rpc";
import { HTTP_CONNECTIONS_MAX, HTTP_HEADER_BYTES_MAX, HTTP_HEADER_MS, HTTP_REQUEST_MS } from "../limits.ts";
import type { Clock } from "../ports.ts";
import { errnoOf } from "../private-file.ts";
import type { HttpApp } from "./app.ts";

export type ListenAt = { readonly unix: string } | { readonly host: string; readonly port: number };

export interface Listening {
  /** The TCP port; 0 on a unix socket. */
  readonly port: number;
  close(): Promise<void>;
}

/** Requests take milliseconds; what is open after this is not going to end. */
const CLOSE_MS = 1_000;

export async function listenHttp(app: HttpApp, at: ListenAt, clock: Clock): Promise<Listening> {
  const server = createServer(
    {
      maxHeaderSize: HTTP_HEADER_BYTES_MAX,
      headersTimeout: HTTP_HEADER_MS,
      requestTimeout: HTTP_REQUEST_MS,
      connectionsCheckingInterval: 1_000,
      // Longer than Envoy keeps an idle connection (1 h): were it us who closes, a request could meet the closing.
      keepAliveTimeout: 3_660_000,
    },
    (request, response) => void app.handle(request, response),
  );
  server.maxConnections = HTTP_CONNECTIONS_MAX;
  try {
    await listen(server, at);
  } catch (error) {
    if (errnoOf(error) !== "EADDRINUSE") throw error;
    const name = "unix" in at ? at.unix : `${at.host}:${at.port}`;
    if (!("unix" in at) || !(await isAbandoned(at.unix))) {
      throw new CatalystError("ERR_PORT_IN_USE", `${name} is taken by another program`, { cause: error });
    }
    await unlink(at.unix);
    await listen(server, at);
  }
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    close: () => closeServer(server, clock),
  };
}

function listen(server: Server, at: ListenAt): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", () => {
      server.off("error", reject);
      resolve();
    });
    if ("unix" in at) {
      server.listen(at.unix);
      // Bound before `listen` returns, accepting only later: nobody gets in between.
      if (server.listening) chmodSync(at.unix, 0o600);
    } else {
      server.listen(at.port, at.host);
    }
  });
}

/** Whether this is a socket on which nobody accepts any more: what a killed process leaves behind. */
async function isAbandoned(path: string): Promise<boolean> {
  if (!(await lstat(path)).isSocket()) return false;
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(false);
    });
    socket.once("error", (error) => resolve(errnoOf(error) === "ECONNREFUSED"));
  });
}

function closeServer(server: Server, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(CLOSE_MS, () => server.closeAllConnections());
    server.close(() => {
      cancel();
      resolve();
    });
    server.closeIdleConnections();
  });
}
