// The peering port: accepts TLS connections, lets each prove who it is within bounds of time and number, and hands those that did to the
// HTTP server that upgrades them to WebSockets. Nothing that a stranger sends is parsed but the TLS handshake itself. A refusal is
// a bare HTTP status, so that the other side can tell a refused certificate from a broken line.
// Invariant: what `proofOf` knows was proved in the handshake of that very socket.

import { createServer, type IncomingMessage, type Server as HttpServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { createServer as createTlsServer, type Server as TlsServer, type TLSSocket } from "node:tls";
import type { Clock, Log } from "#kernel";
import type { NodeName } from "#routing";
import { CatalystError } from "#rpc";
import { type Proof, prove } from "./proof.ts";
import { serverName } from "./identity.ts";
import { Rate } from "./rate.ts";
import { PEER_PROTOCOL, WIRE } from "./terms.ts";
import { TLS_TERMS, type Trust } from "./trust.ts";

export interface GateTerms {
  readonly node: NodeName;
  readonly trust: Trust;
  readonly clock: Clock;
  readonly log: Log;
  /** Default `WIRE.acceptMs`. */
  readonly acceptMs?: number;
}

/** An HTTP status is all that a refused side learns. */
const STATUS = {
  certificate: "403 Forbidden",
  stranger: "404 Not Found",
  many: "503 Service Unavailable",
} as const;

export class Gate {
  /** Upgrades what was let in; it never listens itself. */
  readonly http: HttpServer;
  readonly #terms: GateTerms;
  readonly #tls: TlsServer;
  readonly #rate: Rate;
  readonly #strangers = new Map<string, () => void>();
  readonly #perAddress = new Map<string, number>();
  readonly #perPeer = new Map<NodeName, number>();
  readonly #proofs = new WeakMap<object, Proof>();
  readonly #sockets = new Set<Socket>();
  #unlogged = 0;

  constructor(terms: GateTerms) {
    this.#terms = terms;
    this.#rate = new Rate(terms.clock, WIRE.refusalsLogged / 60, WIRE.refusalsLogged);
    this.http = createServer({ maxHeaderSize: 8_192 }, (_request, response) => {
      response.writeHead(426, { connection: "close" }).end();
    });
    this.http.maxHeadersCount = 32;
    this.#tls = createTlsServer({
      // Tickets are a matter of the context that a connection begins with, not of the one chosen by name.
      ...TLS_TERMS,
      requestCert: true,
      // Judged in `prove`, without which nothing of a connection is used.
      rejectUnauthorized: false,
      handshakeTimeout: WIRE.acceptMs,
      ALPNProtocols: [PEER_PROTOCOL],
      noDelay: true,
      SNICallback: (name, done) => {
        const context = terms.trust.serving(name);
        // Without a name, or with one that is unknown, there is no certificate to show and no handshake.
        done(context === undefined ? new Error("unknown server name") : null, context);
      },
    });
    this.#tls.on("connection", (socket: Socket) => this.#accept(socket));
    this.#tls.on("secureConnection", (socket) => this.#judge(socket));
    this.#tls.on("tlsClientError", (error, socket) => this.#refused(socket, error.message));
  }

  /** How many connections have not proved who they are. */
  get strangers(): number {
    return this.#strangers.size;
  }

  async listen(at: { readonly host: string; readonly port: number }): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const failed = (cause: Error) =>
      reject(
        new CatalystError("ERR_PORT_IN_USE", `cannot listen at ${at.host}:${at.port}: ${cause.message}`, {
          cause,
        }),
      );
    this.#tls.once("error", failed);
    this.#tls.listen(at, () => resolve(undefined));
    await promise;
    this.#tls.off("error", failed);
    this.#tls.on("error", (error) =>
      this.#terms.log.error({ error: error.message }, "the peering port failed"),
    );
    return (this.#tls.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = this.#tls.listening
      ? new Promise((resolve) => this.#tls.close(resolve))
      : Promise.resolve(undefined);
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Who sent this request; undefined: nobody that may. */
  proofOf(request: IncomingMessage): Proof | undefined {
    // Browsers name the page they come from; no peer is a browser.
    return request.headers.origin === undefined ? this.#proofs.get(request.socket) : undefined;
  }

  /** The connection is a link now, its own limits hold. */
  entered(request: IncomingMessage): void {
    this.#strangers.get(endpoint(request.socket))?.();
  }

  #accept(socket: Socket): void {
    const address = socket.remoteAddress ?? "";
    const count = this.#perAddress.get(address) ?? 0;
    if (count >= WIRE.strangersPerAddress || this.#strangers.size >= WIRE.strangers) {
      socket.destroy();
      return this.#refused(socket, "too many connections without proof");
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

  #judge(socket: TLSSocket): void {
    const { trust, node } = this.#terms;
    // What becomes of a broken line is seen by its close.
    socket.on("error", () => undefined);
    const asked = socket.servername;
    const proof = prove(socket, (name) => {
      const known = trust.peer(name);
      return known !== undefined && serverName(known.peer.organization, node) === asked ? known : undefined;
    });
    if ("refused" in proof) {
      this.#refused(socket, proof.refused);
      return dismiss(socket, proof.stranger ? STATUS.stranger : STATUS.certificate);
    }
    const peer = proof.peer.node;
    const links = this.#perPeer.get(peer) ?? 0;
    if (links >= WIRE.linksPerPeer) {
      this.#refused(socket, `more than ${WIRE.linksPerPeer} connections of ${peer}`);
      return dismiss(socket, STATUS.many);
    }
    this.#perPeer.set(peer, links + 1);
    socket.once("close", () => lower(this.#perPeer, peer));
    this.#proofs.set(socket, proof);
    this.http.emit("connection", socket);
  }

  /** Logged, so that an operator sees why a peer stays away; bounded, so that a stranger cannot fill the disk. */
  #refused(socket: Pick<Socket, "remoteAddress">, reason: string): void {
    if (!this.#rate.take()) {
      this.#unlogged += 1;
      return;
    }
    const fields = { address: socket.remoteAddress, reason: reason.slice(0, 200), unlogged: this.#unlogged };
    this.#unlogged = 0;
    this.#terms.log.warn(fields, "a connection to the peering port was refused");
  }
}

/** Unique among the connections of one port. */
const endpoint = ({ remoteAddress, remotePort }: Pick<Socket, "remoteAddress" | "remotePort">): string =>
  `${remoteAddress ?? ""} ${remotePort ?? 0}`;

function lower<K>(counts: Map<K, number>, of: K): void {
  const count = (counts.get(of) ?? 0) - 1;
  if (count > 0) counts.set(of, count);
  else counts.delete(of);
}

/** Says the status and lets the other side read it: data that nobody read would turn the end into a reset. */
function dismiss(socket: TLSSocket, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
  socket.resume();
}
