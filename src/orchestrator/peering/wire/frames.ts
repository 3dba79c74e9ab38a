// Frames as bytes: JSON, compressed by what both sides agreed on. One frame object is written once for each encoding, however many
// peers get it; the bytes live as long as the object. What is read is bounded before anything is decoded, and while it is: a
// frame can never become larger than its head says, and the head never says more than the limit. Follows docs/internals/session.md
// section 4. Invariant: reading never throws; bytes that are no frame come back as a reason.

import { isAscii, isUtf8 } from "node:buffer";
import {
  constants,
  deflateSync,
  inflateSync,
  zstdCompressSync,
  zstdDecompressSync,
  type ZstdOptions,
} from "node:zlib";
import { PEER_LIMITS, peerSchema, sayFrame } from "#rpc";
import type { Encoding, Frame, FrameHead } from "#routing";

export interface EncodedFrame {
  /** How the bytes are written: what was agreed, or "identity" where that gains nothing. */
  readonly encoding: Encoding;
  readonly bytes: Uint8Array;
  /** Before compression. */
  readonly rawBytes: number;
}

type ReadFrame = ReturnType<Awaited<ReturnType<typeof peerSchema>>["readFrame"]>;

interface FrameReader {
  /** Not ok: the session ends (code 8). */
  readonly decodeFrame: (head: FrameHead, bytes: Uint8Array) => ReadFrame;
}

/** Level 1 takes 0.45 us a route; higher levels gain little on routes, which look alike. */
const ZSTD: ZstdOptions = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
const DEFLATE = { level: 1 };

/**
 * One or two routes, and a frame that fits into one packet either way: a compressor has to be set up for it on both sides, which
 * costs more than all the rest of such a frame.
 */
const PLAIN_BYTES = 1_200;

const written = new WeakMap<Frame, Map<Encoding, EncodedFrame>>();

export function encodeFrame(frame: Frame, encoding: Encoding): EncodedFrame {
  const known = written.get(frame);
  const made = known?.get(encoding) ?? write(frame, encoding);
  if (known === undefined) written.set(frame, new Map([[encoding, made]]));
  else known.set(encoding, made);
  return made;
}

function write(frame: Frame, encoding: Encoding): EncodedFrame {
  const raw = Buffer.from(JSON.stringify(sayFrame(frame)), "utf8");
  const chosen = raw.byteLength <= PLAIN_BYTES ? "identity" : encoding;
  return { encoding: chosen, bytes: compress(raw, chosen), rawBytes: raw.byteLength };
}

function compress(raw: Uint8Array, encoding: Encoding): Uint8Array {
  switch (encoding) {
    case "zstd":
      return zstdCompressSync(raw, ZSTD);
    case "deflate":
      return deflateSync(raw, DEFLATE);
    case "identity":
      return raw;
  }
}

/** Loads what checks frames, with the first peer only. */
export async function openFrameReader(): Promise<FrameReader> {
  const { readFrame } = await peerSchema();
  return {
    decodeFrame(head, bytes) {
      const raw = decompress(head, bytes);
      if (typeof raw === "string") return { ok: false, reason: raw };
      const value = parse(raw);
      if (value === undefined) return { ok: false, reason: "the bytes are no JSON in UTF-8" };
      return readFrame(value, head);
    },
  };
}

/** The bytes, exactly as many as the head says, or the reason why not. */
function decompress({ encoding, rawBytes }: FrameHead, bytes: Uint8Array): Uint8Array | string {
  if (bytes.byteLength > PEER_LIMITS.encodedBytes) return `${bytes.byteLength} bytes are too many`;
  if (rawBytes > PEER_LIMITS.frameBytes) return `a frame of ${rawBytes} bytes is too large`;
  let raw: Uint8Array;
  try {
    raw = expand(encoding, bytes, rawBytes);
  } catch {
    // The library's own words tell a peer nothing that helps: broken bytes, or more of them than were said.
    return `the bytes do not expand to the ${rawBytes} that were said`;
  }
  return raw.byteLength === rawBytes ? raw : `${raw.byteLength} bytes, ${rawBytes} were said`;
}

function expand(encoding: Encoding, bytes: Uint8Array, maxOutputLength: number): Uint8Array {
  switch (encoding) {
    case "zstd":
      return zstdDecompressSync(bytes, { maxOutputLength });
    case "deflate":
      return inflateSync(bytes, { maxOutputLength });
    case "identity":
      return bytes;
  }
}

/** Undefined when it is none; `null` is JSON too, but no frame. */
function parse(raw: Uint8Array): unknown {
  const view = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  // Nearly every frame is ASCII; as such its text takes half the memory, and half the time to read.
  const ascii = isAscii(view);
  if (!ascii && !isUtf8(view)) return undefined;
  try {
    return JSON.parse(view.toString(ascii ? "latin1" : "utf8")) ?? undefined;
  } catch {
    // Whatever the parser says, it is the peer's text that is wrong.
    return undefined;
  }
}
