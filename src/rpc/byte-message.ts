// Messages that carry byte arrays as they are. capnweb's own form of bytes in JSON is base64: a third more on the wire, and three passes
// over each array on both ends. Here a message with bytes is a binary one: the length of its JSON (four bytes, big endian), the
// JSON, in which each array stands as `["bytes", [offset, length]]`, then the bytes. A message without any stays a text.
// Invariant: what is read are views into the message, never outside of it.

import { broken } from "./inspect.ts";

const HEAD = 4;
/** No contract puts more than one byte array into a message. */
const ARRAYS_MAX = 16;

/** The form to send. Changes `message`, which is the sender's own tree of plain values. */
export function pack(message: unknown): string | Uint8Array {
  const parts: Uint8Array[] = [];
  const total = lift(message, parts, 0);
  const text = JSON.stringify(message);
  if (parts.length === 0) return text;
  const length = Buffer.byteLength(text);
  const packed = Buffer.allocUnsafe(HEAD + length + total);
  packed.writeUInt32BE(length, 0);
  packed.write(text, HEAD, "utf8");
  let at = HEAD + length;
  for (const part of parts) {
    packed.set(part, at);
    at += part.byteLength;
  }
  return packed;
}

/** Takes the arrays out of `value`; returns the sum of their lengths. */
function lift(value: unknown, parts: Uint8Array[], before: number): number {
  if (typeof value !== "object" || value === null) return before;
  let total = before;
  if (Array.isArray(value) && value[0] === "bytes" && value[1] instanceof Uint8Array) {
    parts.push(value[1]);
    const { byteLength } = value[1];
    value[1] = [total, byteLength];
    return total + byteLength;
  }
  for (const inner of Object.values(value)) total = lift(inner, parts, total);
  return total;
}

/** The JSON of a binary message, to be checked before it is parsed, and the bytes behind it. */
export function unpack(packed: Uint8Array): { readonly text: string; readonly bytes: Uint8Array } {
  const view = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
  const length = view.length < HEAD ? -1 : view.readUInt32BE(0);
  if (length < 0 || HEAD + length > view.length) throw broken("a binary message of a wrong form");
  return {
    text: view.toString("utf8", HEAD, HEAD + length),
    bytes: view.subarray(HEAD + length),
  };
}

/** Puts the arrays where the parsed message names them. */
export function place(message: unknown, bytes: Uint8Array): void {
  let found = 0;
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    if (Array.isArray(value) && value[0] === "bytes" && Array.isArray(value[1])) {
      if (++found > ARRAYS_MAX) throw broken(`a message holds more than ${ARRAYS_MAX} byte arrays`);
      value[1] = slice(bytes, value[1]);
      return;
    }
    for (const inner of Object.values(value)) visit(inner);
  };
  visit(message);
}

function slice(bytes: Uint8Array, [offset, length, ...more]: readonly unknown[]): Uint8Array {
  if (more.length > 0 || !isLength(offset) || !isLength(length) || offset + length > bytes.byteLength) {
    throw broken("bytes outside of their message");
  }
  return bytes.subarray(offset, offset + length);
}

const isLength = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
