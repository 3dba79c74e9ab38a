// The peering port of a node that asks nobody for proof (`identity.mode: none`): plain HTTP, whose upgrade request claims a name. Bounds
// of time and number are those of the other gate. Whoever begins with TLS is a node that does prove who it is: it is told so by an
// alert that its own port never sends, and both sides have a line for their operators.

import { EventEmitter } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { NodeName } from "#routing";
import { dismiss, Doorstep, type DoorstepTerms, STATUS } from "./doorstep.ts";
import type { Entrance } from "./meeting.ts";
import type { Proof } from "./proof.ts";
import { CLAIM_HEADER, UNPROVEN } from "./unproven.ts";

/** First byte of a TLS handshake (RFC 8446 section 5.1). */
const TLS_HANDSHAKE = 0x16;
/** A fatal alert, no_application_protocol (RFC 8446 section 6): here nobody speaks what a proven peer offers. */
const ALERT = Buffer.from([0x15, 3, 3, 0, 2, 2, 120]);

export class OpenGate implements Entrance {
  readonly http = new EventEmitter();
  readonly #doorstep: Doorstep;
  readonly #find: (node: NodeName) => Proof | undefined;
  readonly #proofs = new WeakMap<object, Proof>();

  constructor(terms: DoorstepTerms, find: (node: NodeName) => Proof | undefined) {
    this.#find = find;
    const server = createServer({ maxHeaderSize: 8_192, noDelay: true }, (_request, response) => {
      response.writeHead(426, { connection: "close" }).end();
    });
    server.maxHeadersCount = 32;
    this.#doorstep = new Doorstep(terms, server);
    server.on("upgrade", (request, socket, head) => this.#judge(request, socket, head));
    server.on("clientError", (error: Error & { readonly rawPacket?: Buffer }, socket) => {
      if (error.rawPacket?.[0] === TLS_HANDSHAKE) this.#proven(socket);
      else dismiss(socket, "400 Bad Request");
    });
  }

  listen(at: { readonly host: string; readonly port: number }): Promise<number> {
    return this.#doorstep.listen(at);
  }

  close(): Promise<void> {
    return this.#doorstep.close();
  }

  proofOf(request: IncomingMessage): Proof | undefined {
    return this.#proofs.get(request);
  }

  entered(request: IncomingMessage): void {
    this.#doorstep.entered(request.socket);
  }

  #judge(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // What becomes of a broken line is seen by its close.
    socket.on("error", () => undefined);
    const { headers, socket: line } = request;
    const claimed = headers[CLAIM_HEADER];
    // Browsers name the page they come from; no peer is a browser.
    const proof =
      typeof claimed === "string" && headers.origin === undefined ? this.#find(claimed) : undefined;
    if (proof === undefined) {
      this.#doorstep.refused(line, `no peer calls itself ${JSON.stringify(claimed)}`);
      return dismiss(socket, STATUS.stranger);
    }
    if (!this.#doorstep.admit(proof.peer.node, line)) return dismiss(socket, STATUS.many);
    this.#proofs.set(request, proof);
    this.http.emit("upgrade", request, socket, head);
  }

  #proven(socket: Duplex): void {
    const line = socket as Socket;
    this.#doorstep.refused(line, "it speaks TLS, and this node runs with identity.mode none", UNPROVEN);
    socket.on("error", () => undefined);
    socket.end(ALERT);
  }
}
