// The calling end: a WebSocket to a unix socket or a TCP address, one session over it. `pair` is the same
// without a socket.

import { connect as connectSocket } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocket } from "ws";
import { CatalystError } from "./errors.ts";
import type { Exposed } from "./expose.ts";
import { DEFAULT_RPC_LIMITS } from "./limits.ts";
import { memoryWires } from "./memory-wire.ts";
import type { Session, SessionOptions } from "./session-types.ts";
import { LiveSession } from "./session.ts";
import { SocketWire } from "./socket-wire.ts";

/** WebSocket subprotocol of a node's own contracts; whoever speaks another one is refused at the door. */
export const RPC_PROTOCOL = "catalyst.rpc.1";

export type Address = { readonly unix: string } | { readonly host: string; readonly port: number };

export interface ConnectOptions<Back extends object = object> extends SessionOptions {
  /** What the other side may call here; default nothing. */
  readonly main?: (session: Session<Back>) => Exposed;
  /** Until the session stands; default 5 s. */
  readonly connectMs?: number;
  readonly signal?: AbortSignal;
  /** WebSocket subprotocol; default that of a node's own contracts. */
  readonly protocol?: string;
  /** Of the upgrade request. */
  readonly headers?: Readonly<Record<string, string>>;
}

export const addressText = (address: Address): string =>
  "unix" in address ? address.unix : `${address.host}:${address.port}`;

export async function connect<T extends object>(
  address: Address,
  options: ConnectOptions<T> = {},
): Promise<Session<T>> {
  const reach = (): Duplex =>
    "unix" in address
      ? connectSocket({ path: address.unix })
      : connectSocket({ host: address.host, port: address.port, noDelay: true });
  const name = addressText(address);
  return await connectOver(reach, name, "unix" in address ? "unix" : name, options);
}

/** Over a stream of the caller's making, encrypted for example; `name` is where it leads, `remote` what the session says. */
export async function connectOver<T extends object>(
  reach: () => Duplex,
  name: string,
  remote: string,
  options: ConnectOptions<T> = {},
): Promise<Session<T>> {
  options.signal?.throwIfAborted();
  const socket = new WebSocket("ws://localhost/rpc", options.protocol ?? RPC_PROTOCOL, {
    perMessageDeflate: false,
    maxPayload: options.limits?.messageBytes ?? DEFAULT_RPC_LIMITS.messageBytes,
    handshakeTimeout: options.connectMs ?? 5_000,
    createConnection: reach,
    ...(options.headers === undefined ? {} : { headers: options.headers }),
  });
  // Before the first await: a message may come right behind the answer to the handshake.
  const session = new LiveSession<T>(new SocketWire(socket, remote), (live) => options.main?.(live), options);
  await opened(socket, name, options.signal);
  return session;
}

async function opened(socket: WebSocket, name: string, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  const fail = (error: Error): void => {
    const [, status] = /server response: (\d{3})/.exec(error.message) ?? [];
    const text = status === undefined ? `nothing answers at ${name}` : `${name} answers with ${status}`;
    const detail = status === undefined ? undefined : { status: Number(status) };
    reject(new CatalystError("ERR_RPC_UNREACHABLE", text, { cause: error, detail }));
  };
  const stop = (): void => socket.terminate();
  socket.once("open", () => resolve(undefined));
  socket.once("error", fail);
  signal?.addEventListener("abort", stop, { once: true });
  try {
    await promise;
  } finally {
    socket.off("error", fail);
    signal?.removeEventListener("abort", stop);
  }
}

/** Both ends of a session in one process, under the same limits: `[the caller's end, the serving end]`. */
export function pair<T extends object, Back extends object = object>(
  makeMain: (session: Session<Back>) => Exposed,
  options: ConnectOptions<T> = {},
): readonly [Session<T>, Session<Back>] {
  const [near, far] = memoryWires();
  const serving = new LiveSession<Back>(far, makeMain, options);
  const calling = new LiveSession<T>(near, (live) => options.main?.(live), options);
  return [calling, serving];
}
