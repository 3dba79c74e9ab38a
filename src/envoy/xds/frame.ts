// gRPC framing over HTTP/2 (gRPC over HTTP2, "Length-Prefixed-Message"): one byte that says "compressed", four of length,
// the message. Compression is never negotiated here, so a compressed message is a protocol error. Memory is bounded by the
// limit, whatever length a client announces.

import { CatalystError } from "#rpc";

export class FrameReader {
  readonly #limit: number;
  #parts: Buffer[] = [];
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whole messages that `chunk` completed. Throws on a message over the limit, or a compressed one. */
  *push(chunk: Buffer): Generator<Uint8Array> {
    this.#parts.push(chunk);
    this.#length += chunk.length;
    while (this.#length >= 5) {
      const head = this.#peek(5);
      if (head[0] !== 0) throw new Error("compressed messages are not supported");
      const size = head.readUInt32BE(1);
      if (size > this.#limit) throw new CatalystError("ERR_LIMIT", `a message of ${size} bytes`);
      if (this.#length < 5 + size) return;
      const whole = this.#peek(5 + size);
      const rest = whole.length > 5 + size ? [whole.subarray(5 + size)] : [];
      this.#parts = [...rest, ...this.#parts.slice(1)];
      this.#length -= 5 + size;
      yield whole.subarray(5, 5 + size);
    }
  }

  /** Makes the first part at least `size` long and returns it. */
  #peek(size: number): Buffer {
    const first = this.#parts[0];
    if (first !== undefined && first.length >= size) return first;
    const joined = Buffer.concat(this.#parts);
    this.#parts = [joined];
    return joined;
  }
}

/** Prefix of a message made of `pieces`. */
export function frameHead(pieces: readonly Uint8Array[]): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(
    pieces.reduce((sum, p) => sum + p.length, 0),
    1,
  );
  return head;
}
