// The X.509 library, loaded only where certificates are made: it costs 20 MB and 150 ms, which no running node should pay
// (docs/internals/identity.md section 1). Node itself verifies and reads certificates. Beside it, what the library lacks:
// NameConstraints. Invariant: `reflect-metadata` is imported before the library, which fails without it.

import { type KeyObject, randomBytes, type webcrypto } from "node:crypto";

export async function loadX509(): Promise<typeof import("@peculiar/x509")> {
  await import("reflect-metadata");
  return import("@peculiar/x509");
}

export type Curve = "P-384" | "P-256";

/** The key in the form that the library wants; the cast bridges two declarations of one type, Node's and the browser's. */
export const cryptoKeyOf = (key: KeyObject, namedCurve: Curve): webcrypto.CryptoKey =>
  key.toCryptoKey(
    { name: "ECDSA", namedCurve },
    true,
    key.type === "private" ? ["sign"] : ["verify"],
  ) as webcrypto.CryptoKey;

/** 127 random bits: positive, and unique without a counter (RFC 5280 section 4.1.2.2). */
export function newSerial(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes.toString("hex");
}

export const NAME_CONSTRAINTS = "2.5.29.30";

/**
 * The value of NameConstraints that permits the domain and what lies below it, as DNS name and as host of a URI, and nothing
 * else (RFC 5280 section 4.2.1.10). For URIs a leading dot means "below"; for DNS names it is implied.
 */
export function permitDomain(domain: string): Uint8Array<ArrayBuffer> {
  const dns = der(0x82, Buffer.from(domain, "ascii"));
  const uri = der(0x86, Buffer.from(`.${domain}`, "ascii"));
  const subtrees = Buffer.concat([der(0x30, dns), der(0x30, uri)]);
  return new Uint8Array(der(0x30, der(0xa0, subtrees)));
}

/** One DER element; domains are at most 253 characters, so two length bytes always do. */
function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const header = length < 0x80 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff];
  if (length >= 0x80 && length < 0x100) header.splice(1, 3, 0x81, length);
  return Buffer.concat([Buffer.from(header), content]);
}
