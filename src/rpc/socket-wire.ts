// A wire over a WebSocket, from either end. Compression is off (328 KB a session against 38, and an
// amplifier), the message size is bounded by `ws` itself while it reads. Reasons travel in the close frame:
// 1008 and 1009 say that a limit was broken.

import type { WebSocket } from "ws";
import { CatalystError } from "./errors.ts";
import { broken } from "./inspect.ts";
import { ended, type Message, type Wire, type WireEvents } from "./wire.ts";

/** A close frame carries 123 bytes of reason (RFC 6455 section 5.5). */
const REASON_BYTES = 123;
/** A peer that does not answer a close frame within this is cut off. */
const CLOSE_MS = 1_000;

export class SocketWire implements Wire {
  readonly remote: string;
  readonly #socket: WebSocket;
  #reason: CatalystError | undefined;

  constructor(socket: WebSocket, remote: string) {
    this.#socket = socket;
    this.remote = remote;
  }

  get buffered(): number {
    return this.#socket.bufferedAmount;
  }

  listen(events: WireEvents): void {
    const socket = this.#socket;
    socket.on("message", (data, binary) => {
      // `ws` hands one Buffer per message, as its binaryType is left at "nodebuffer".
      if (Buffer.isBuffer(data)) events.message(binary ? data : data.toString("utf8"));
    });
    socket.on("ping", () => events.alive());
    socket.on("pong", () => events.alive());
    socket.on("error", (error) => {
      this.#reason ??= isProtocolError(error) ? broken(error.message) : ended(error.message, error);
    });
    socket.on("close", (code, text) => events.closed(this.#reason ?? fromClose(code, text.toString("utf8"))));
  }

  send(message: Message): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(message);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  ping(): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
  }

  close(reason: CatalystError): void {
    this.#reason ??= reason;
    const socket = this.#socket;
    const rude = reason.code === "ERR_RPC_PROTOCOL";
    // A paused socket never reads the answer to the close frame.
    if (socket.isPaused) socket.resume();
    socket.close(rude ? 1008 : 1000, clip(reason.message));
    const timer = setTimeout(() => socket.terminate(), CLOSE_MS);
    socket.once("close", () => clearTimeout(timer));
  }
}

/** `ws` names each breach of RFC 6455 or of `maxPayload` WS_ERR_…. */
const isProtocolError = (error: Error): boolean =>
  "code" in error && typeof error.code === "string" && error.code.startsWith("WS_ERR_");

function fromClose(code: number, text: string): CatalystError {
  if (code === 1008 || code === 1009) return broken(text || "the other side refused a message");
  return ended(text === "" ? "the connection was lost" : `the other side ended the session: ${text}`);
}

function clip(text: string): string {
  const bytes = Buffer.from(text, "utf8");
  if (bytes.length <= REASON_BYTES) return text;
  // A cut inside a character would make the frame invalid: such a tail decodes to U+FFFD and is dropped.
  return bytes
    .subarray(0, REASON_BYTES - 3)
    .toString("utf8")
    .replace(/\uFFFD+$/, "");
}
