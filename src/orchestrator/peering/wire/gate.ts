// The peering port: accepts TLS connections, lets each prove who it is within bounds of time and number, and hands those that did to the
// HTTP server that upgrades them to WebSockets. Nothing that a stranger sends is parsed but the TLS handshake itself. A refusal is
// a bare HTTP status, so that the other side can tell a refused certificate from a broken line.
// Invariant: what `proofOf` knows was proved in the handshake of that very socket.

import { createServer, type IncomingMessage, type Server as HttpServer } from "node:http";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import type { NodeName } from "#routing";
import { dismiss, Doorstep, type DoorstepTerms, STATUS } from "./doorstep.ts";
import { serverName } from "./identity.ts";
import type { Entrance } from "./meeting.ts";
import { type Proof, prove } from "./proof.ts";
import { PEER_PROTOCOL, WIRE } from "./terms.ts";
import { TLS_TERMS, type Trust } from "./trust.ts";
import { UNPROVEN } from "./unproven.ts";

export interface GateTerms extends DoorstepTerms {
  readonly node: NodeName;
  readonly trust: Trust;
}

export class Gate implements Entrance {
  /** Upgrades what was let in; it never listens itself. */
  readonly http: HttpServer;
  readonly #terms: GateTerms;
  readonly #doorstep: Doorstep;
  readonly #proofs = new WeakMap<object, Proof>();

  constructor(terms: GateTerms) {
    this.#terms = terms;
    this.http = createServer({ maxHeaderSize: 8_192 }, (_request, response) => {
      response.writeHead(426, { connection: "close" }).end();
    });
    this.http.maxHeadersCount = 32;
    const tls = createTlsServer({
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
    this.#doorstep = new Doorstep(terms, tls);
    tls.on("secureConnection", (socket) => this.#judge(socket));
    tls.on("tlsClientError", (error, socket) => this.#failed(error, socket));
  }

  /** How many connections have not proved who they are. */
  get strangers(): number {
    return this.#doorstep.strangers;
  }

  listen(at: { readonly host: string; readonly port: number }): Promise<number> {
    return this.#doorstep.listen(at);
  }

  close(): Promise<void> {
    return this.#doorstep.close();
  }

  proofOf(request: IncomingMessage): Proof | undefined {
    // Browsers name the page they come from; no peer is a browser.
    return request.headers.origin === undefined ? this.#proofs.get(request.socket) : undefined;
  }

  entered(request: IncomingMessage): void {
    this.#doorstep.entered(request.socket);
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
      this.#doorstep.refused(socket, proof.refused);
      return dismiss(socket, proof.stranger ? STATUS.stranger : STATUS.certificate);
    }
    if (!this.#doorstep.admit(proof.peer.node, socket)) return dismiss(socket, STATUS.many);
    this.#proofs.set(socket, proof);
    this.http.emit("connection", socket);
  }

  #failed(error: Error, socket: TLSSocket): void {
    if (!("code" in error) || error.code !== "ERR_SSL_HTTP_REQUEST")
      return this.#doorstep.refused(socket, error.message);
    this.#doorstep.refused(socket, "it speaks without TLS, as a node does that proves nothing", UNPROVEN);
  }
}
