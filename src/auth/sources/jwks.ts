// Reads a JWK set that somebody else wrote. Follows docs/internals/identity.md section 4 and RFC 7517.
// Invariants: what comes out are public keys of known algorithms, each with an id of its own; a set that is oversized, holds
// one id twice, or gives away a private key is refused as a whole, because its author has lost control of it. Keys of kinds
// that are not known, or for encryption, are passed over, as RFC 7517 section 5 asks.

import type { JsonWebKey } from "node:crypto";
import { algOf, publicJwk, publicKeyOf } from "../algorithms.ts";
import { JWKS_BYTES_MAX, JWKS_KEYS_MAX } from "../limits.ts";
import type { VerifyKey } from "./key-source.ts";

const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
const KID_CHARS_MAX = 256;

/** Throws with the reason when the set cannot be used. */
export function parseJwks(text: string): readonly VerifyKey[] {
  if (Buffer.byteLength(text) > JWKS_BYTES_MAX) throw new Error(`over ${JWKS_BYTES_MAX} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Error("not JSON", { cause });
  }
  const keys = isObject(value) ? value["keys"] : undefined;
  if (!Array.isArray(keys)) throw new Error('no "keys" list');
  if (keys.length > JWKS_KEYS_MAX) throw new Error(`over ${JWKS_KEYS_MAX} keys`);
  const found = new Map<string, VerifyKey>();
  for (const one of keys) {
    if (!isObject(one)) throw new Error("a key is not an object");
    const leaked = PRIVATE_MEMBERS.find((member) => Object.hasOwn(one, member));
    if (leaked !== undefined) throw new Error(`a key shows its private part "${leaked}"`);
    const key = verifyKeyOf(one);
    if (key === undefined) continue;
    if (found.has(key.kid)) throw new Error(`the id ${JSON.stringify(key.kid)} stands twice`);
    found.set(key.kid, key);
  }
  if (found.size === 0) throw new Error("no usable signing key");
  return [...found.values()];
}

function verifyKeyOf(jwk: JsonWebKey): VerifyKey | undefined {
  const kid = jwk["kid"];
  if (typeof kid !== "string" || kid === "" || kid.length > KID_CHARS_MAX) return undefined;
  if (jwk["use"] !== undefined && jwk["use"] !== "sig") return undefined;
  const operations = jwk["key_ops"];
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes("verify")))
    return undefined;
  const alg = algOf(jwk);
  if (alg === undefined) return undefined;
  try {
    const key = publicKeyOf(jwk);
    return { kid, alg, key, jwk: publicJwk(key, alg, kid) };
  } catch (cause) {
    throw new Error(`the key ${JSON.stringify(kid)} is not a valid ${alg} key`, { cause });
  }
}

const isObject = (value: unknown): value is JsonWebKey =>
  typeof value === "object" && value !== null && !Array.isArray(value);
