// The transport that capnweb runs over, with every limit of a session in one place. capnweb has no cap on
// open calls, no backpressure and no deadline (500,000 calls never released: +376 MB, session open), so this
// counts what the other side makes us hold, pauses the wire when too much waits, and ends the session, alone,
// when a limit is broken. Invariant: after `end` nothing is delivered or sent, and `onEnd` was called exactly
// once.

import type { RpcTransportWithCustomEncoding } from "capnweb";
import { pack, place, unpack } from "./byte-message.ts";
import type { CatalystError } from "./errors.ts";
import { broken, inspect, scan } from "./inspect.ts";
import type { RpcLimits } from "./limits.ts";
import { ended, type Message, type Wire } from "./wire.ts";
import { fromWire } from "./wire-error.ts";

export interface GuardStats {
  /** Calls of the other side that it did not release yet. */
  readonly pushes: number;
  /** References of the other side that are held here. */
  readonly references: number;
  readonly waiting: number;
  readonly sent: number;
  readonly received: number;
}

export interface GuardEvents {
  /** Once. */
  ended(reason: CatalystError): void;
  /** A message, a ping, or the answer to one. */
  heard(): void;
}

export class Guard implements RpcTransportWithCustomEncoding {
  /**
   * The same JSON on the wire as capnweb's own transports, but parsed once, here, where it can be looked at; with `bytes`, byte
   * arrays stand beside it (byte-message.ts).
   */
  readonly encodingLevel: "jsonCompatible" | "jsonCompatibleWithBytes";
  readonly #wire: Wire;
  readonly #limits: RpcLimits;
  readonly #events: GuardEvents;
  #queue: Message[] = [];
  #head = 0;
  #paused = false;
  #reader: PromiseWithResolvers<unknown> | undefined;
  #reason: CatalystError | undefined;
  #remoteAbort = false;
  #pushes = 0;
  #references = 0;
  #sent = 0;
  #received = 0;
  /** Whether anything arrived since it was last asked; for the keepalive. */
  #alive = true;

  constructor(wire: Wire, limits: RpcLimits, bytes: boolean, events: GuardEvents) {
    this.encodingLevel = bytes ? "jsonCompatibleWithBytes" : "jsonCompatible";
    this.#wire = wire;
    this.#limits = limits;
    this.#events = events;
    wire.listen({
      message: (message) => this.#arrive(message),
      alive: () => this.#heard(),
      closed: (reason) => this.#finish(reason),
    });
  }

  get #bytes(): boolean {
    return this.encodingLevel === "jsonCompatibleWithBytes";
  }

  get reason(): CatalystError | undefined {
    return this.#reason;
  }

  stats(): GuardStats {
    return {
      pushes: this.#pushes,
      references: this.#references,
      waiting: this.#queue.length - this.#head,
      sent: this.#sent,
      received: this.#received,
    };
  }

  /** True when something arrived since the last question; else asks for a sign of life. */
  checkAlive(): boolean {
    const alive = this.#alive;
    this.#alive = false;
    if (!alive && this.#reason === undefined) this.#wire.ping();
    return alive;
  }

  ping(): void {
    if (this.#reason === undefined) this.#wire.ping();
  }

  send(message: unknown): number {
    if (this.#reason !== undefined) return 0;
    const kind = Array.isArray(message) ? message[0] : undefined;
    // The reason travels in the close frame; capnweb's own text could quote a whole message back.
    if (kind === "abort") return 0;
    if (kind === "release" && Array.isArray(message)) this.#countOwnRelease(message[1], message[2]);
    const packed = this.#bytes ? pack(message) : JSON.stringify(message);
    const { messageBytes, bufferedBytes } = this.#limits;
    // A character is at most three bytes: only long texts need an exact count.
    const exact = typeof packed === "string" && packed.length * 3 > messageBytes;
    const bytes = exact ? Buffer.byteLength(packed) : packed.length;
    if (bytes > messageBytes) {
      this.end(broken(`a message of ${bytes} bytes is over the limit of ${messageBytes}`));
      return 0;
    }
    if (this.#wire.buffered > bufferedBytes) {
      this.end(broken("the other side does not read what is sent"));
      return 0;
    }
    this.#sent++;
    this.#wire.send(packed);
    return bytes;
  }

  receive(): Promise<unknown> {
    if (this.#head < this.#queue.length) {
      try {
        return Promise.resolve(this.#take());
      } catch (error) {
        this.end(fromWire(error));
      }
    }
    if (this.#reason !== undefined) return Promise.reject(this.#reason);
    this.#reader = Promise.withResolvers<unknown>();
    return this.#reader.promise;
  }

  /** capnweb gives the session up: a value it cannot read, or the other side's last word. */
  abort(reason: unknown): void {
    if (this.#reason !== undefined) return;
    const text = reason instanceof Error ? reason.message.slice(0, 200) : "no reason given";
    if (this.#remoteAbort) this.end(ended(`the other side gave up: ${fromWire(reason).message}`));
    else this.end(broken(`a message that cannot be read: ${text}`));
  }

  /** Ends this session alone. */
  end(reason: CatalystError): void {
    if (this.#reason !== undefined) return;
    this.#queue = [];
    this.#head = 0;
    this.#wire.close(reason);
    this.#finish(reason);
  }

  #finish(reason: CatalystError): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    // What arrived before the end is still read; `receive` rejects after it.
    this.#reader?.reject(reason);
    this.#reader = undefined;
    this.#events.ended(reason);
  }

  #heard(): void {
    this.#alive = true;
    if (this.#reason === undefined) this.#events.heard();
  }

  #arrive(message: Message): void {
    this.#heard();
    if (this.#reason !== undefined) return;
    this.#received++;
    this.#queue.push(message);
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      try {
        reader.resolve(this.#take());
      } catch (error) {
        this.end(fromWire(error));
        reader.reject(error);
      }
      return;
    }
    if (!this.#paused && this.#queue.length - this.#head > this.#limits.waiting) {
      this.#paused = true;
      this.#wire.pause();
    }
  }

  #take(): unknown {
    const message = this.#queue[this.#head] ?? "";
    this.#head++;
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
      if (this.#paused) {
        this.#paused = false;
        if (this.#reason === undefined) this.#wire.resume();
      }
    }
    return this.#read(message);
  }

  #read(packed: Message): unknown {
    // The socket bounds its messages itself, the memory wire does not.
    if (packed.length > this.#limits.messageBytes) throw broken("a message is over the limit of bytes");
    if (typeof packed === "string") return this.#parse(packed);
    if (!this.#bytes) throw broken("a binary message");
    const { text, bytes } = unpack(packed);
    const message = this.#parse(text);
    place(message, bytes);
    return message;
  }

  #parse(text: string): unknown {
    scan(text, this.#limits);
    const message = parse(text);
    this.#count(message);
    return message;
  }

  #count(message: unknown): void {
    const seen = inspect(message, this.#limits);
    if (seen.kind === "push") this.#pushes++;
    else if (seen.kind === "release" && seen.id > 0) this.#pushes--;
    else if (seen.kind === "abort") this.#remoteAbort = true;
    if (seen.kind === "push" || seen.kind === "answer") this.#references += seen.references;
    if (this.#pushes > this.#limits.outstanding) {
      throw broken(`more than ${this.#limits.outstanding} calls were never released`);
    }
    if (this.#references > this.#limits.outstanding) {
      throw broken(`more than ${this.#limits.outstanding} references are held`);
    }
  }

  /**
   * We let go of something that the other side gave us (its ids are negative on its side, ours of calls
   * positive).
   */
  #countOwnRelease(id: unknown, count: unknown): void {
    if (typeof id === "number" && id < 0 && typeof count === "number") this.#references -= count;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw broken("a message is not JSON");
  }
}
