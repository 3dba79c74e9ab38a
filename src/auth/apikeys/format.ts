// The text of an API key: `cat_live_<id 12>_<secret 43><crc 6>`, all base62, 71 characters. The prefix and the checksum let
// secret scanners find leaked keys and let us refuse a mistyped one without looking it up. Follows docs/internals/identity.md
// section 7. Invariant: the secret carries 256 random bits; that is why a plain SHA-256 at rest is enough.

import { createHash, randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const PREFIX = "cat_live_";
const FORM = /^cat_live_([0-9A-Za-z]{12})_[0-9A-Za-z]{49}$/;
const LENGTH = 71;
const CRC_CHARS = 6;

export const newKeyId = (): string => base62(randomBytes(9), 12);

/** A new key under this id; the only place where a secret exists in clear. */
export function newKeyText(id: string): string {
  const body = `${PREFIX}${id}_${base62(randomBytes(32), 43)}`;
  return body + checksum(body);
}

/** The id of a key whose form and checksum are right. */
export function keyIdOf(text: string): string | undefined {
  if (text.length !== LENGTH) return undefined;
  const id = FORM.exec(text)?.[1];
  if (id === undefined) return undefined;
  const body = text.slice(0, -CRC_CHARS);
  return checksum(body) === text.slice(-CRC_CHARS) ? id : undefined;
}

/** What is stored in place of the key. */
export const keyHash = (text: string): Buffer => createHash("sha256").update(text).digest();

function checksum(body: string): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(body));
  return base62(bytes, CRC_CHARS);
}

/** The number in big-endian bytes as exactly `length` digits; higher digits fall away. */
function base62(bytes: Buffer, length: number): string {
  let rest = BigInt(`0x${bytes.toString("hex")}`);
  let text = "";
  while (text.length < length) {
    text = ALPHABET.charAt(Number(rest % 62n)) + text;
    rest /= 62n;
  }
  return text;
}
