// What stands before a peering port, whatever proof it asks for: connections that are nobody's yet, bounded in number, by address and
// in time; the connections of each peer, bounded too; and the log of those that were turned away, bounded as well, so that a
// stranger can fill neither memory nor disk. Invariant: every accepted socket is counted until it is let in or closed.

import type { AddressInfo, Server, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock, Log } from "#kernel";
import type { NodeName } from "#routing";
import { CatalystError } from "#rpc";
import { Rate } from "./rate.ts";
import { WIRE } from "./terms.ts";

export interface DoorstepTerms {
  readonly clock: Clock;
  readonly log: Log;
  /** Default `WIRE.acceptMs`. */
  readonly acceptMs?: number;
}

type Remote = Pick<Socket, "remoteAddress" | "remotePort">;

/** An HTTP status is all that a refused side learns. */
export const STATUS = {
  certificate: "403 Forbidden",
  stranger: "404 Not Found",
  many: "503 Service Unavailable",
} as const;

export class Doorstep {
  readonly #terms: DoorstepTerms;
  readonly #server: Server;
  readonly #rate: Rate;
  readonly #strangers = new Map<string, () => void>();
  readonly #perAddress = new Map<string, number>();
  readonly #perPeer = new Map<NodeName, number>();
  readonly #sockets = new Set<Socket>();
  #unlogged = 0;

  constructor(terms: DoorstepTerms, server: Server) {
    this.#terms = terms;
    this.#server = server;
    this.#rate = new Rate(terms.clock, WIRE.refusalsLogged / 60, WIRE.refusalsLogged);
    server.on("connection", (socket: Socket) => this.#accept(socket));
  }

  /** How many connections are nobody's yet. */
  get strangers(): number {
    return this.#strangers.size;
  }

  async listen(at: { readonly host: string; readonly port: number }): Promise<number> {
    const server = this.#server;
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const failed = (cause: Error) =>
      reject(
        new CatalystError("ERR_PORT_IN_USE", `cannot listen at ${at.host}:${at.port}: ${cause.message}`, {
          cause,
        }),
      );
    server.once("error", failed);
    server.listen(at, () => resolve(undefined));
    await promise;
    server.off("error", failed);
    server.on("error", (error) => this.#terms.log.error({ error: error.message }, "the peering port failed"));
    return (server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = this.#server.listening
      ? new Promise((resolve) => this.#server.close(resolve))
      : Promise.resolve(undefined);
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** The connection is a link now, its own limits hold. */
  entered(socket: Remote): void {
    this.#strangers.get(endpoint(socket))?.();
  }

  /** Counts a connection as one of this peer, until it closes; false: it has too many already. */
  admit(peer: NodeName, socket: Socket): boolean {
    const links = this.#perPeer.get(peer) ?? 0;
    if (links >= WIRE.linksPerPeer) {
      this.refused(socket, `more than ${WIRE.linksPerPeer} connections of ${peer}`);
      return false;
    }
    this.#perPeer.set(peer, links + 1);
    socket.once("close", () => lower(this.#perPeer, peer));
    return true;
  }

  /** Logged, so that an operator sees why a peer stays away. */
  refused(
    socket: Remote,
    reason: string,
    more: { readonly code?: string; readonly hint?: string } = {},
  ): void {
    if (!this.#rate.take()) {
      this.#unlogged += 1;
      return;
    }
    const address = socket.remoteAddress;
    const fields = { address, reason: reason.slice(0, 200), ...more, unlogged: this.#unlogged };
    this.#unlogged = 0;
    this.#terms.log.warn(fields, "a connection to the peering port was refused");
  }

  #accept(socket: Socket): void {
    const address = socket.remoteAddress ?? "";
    const count = this.#perAddress.get(address) ?? 0;
    if (count >= WIRE.strangersPerAddress || this.#strangers.size >= WIRE.strangers) {
      socket.destroy();
      return this.refused(socket, "too many connections without proof");
    }
    const name = endpoint(socket);
    const late = this.#terms.clock.after(this.#terms.acceptMs ?? WIRE.acceptMs, () => socket.destroy());
    this.#perAddress.set(address, count + 1);
    this.#sockets.add(socket);
    this.#strangers.set(name, () => {
      late();
      this.#strangers.delete(name);
      lower(this.#perAddress, address);
    });
    socket.once("close", () => {
      this.#sockets.delete(socket);
      this.#strangers.get(name)?.();
    });
  }
}

/** Unique among the connections of one port. */
const endpoint = ({ remoteAddress, remotePort }: Remote): string =>
  `${remoteAddress ?? ""} ${remotePort ?? 0}`;

function lower<K>(counts: Map<K, number>, of: K): void {
  const count = (counts.get(of) ?? 0) - 1;
  if (count > 0) counts.set(of, count);
  else counts.delete(of);
}

/** Says the status and lets the other side read it: data that nobody read would turn the end into a reset. */
export function dismiss(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
  socket.resume();
}
