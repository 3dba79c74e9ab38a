// The signature algorithms and how a key of each looks as a JWK. `alg` always belongs to the key, never to the token: that is
// what makes algorithm confusion impossible. ES384 is the default (docs/internals/identity.md section 1); RSA is only verified, for
// external providers, never made here. Follows RFC 7517, RFC 7518, RFC 8037 and RFC 7638 (thumbprint).

import { createHash, createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import type { Jwk } from "#rpc";

export const SIGNING_ALGS = ["ES384", "ES256", "EdDSA"] as const;
export type SigningAlg = (typeof SIGNING_ALGS)[number];
export type Alg = SigningAlg | "RS256" | "PS256";

/** RFC 8725 asks for 2,048 bits; more than 8,192 only burns our processor. */
const RSA_BITS_MIN = 2_048;
const RSA_BITS_MAX = 8_192;

/** `alg` that a JWK is good for, or undefined when this program does not take such keys. */
export function algOf(jwk: JsonWebKey): Alg | undefined {
  const natural = naturalAlg(jwk);
  if (natural === undefined || jwk["alg"] === undefined || jwk["alg"] === natural) return natural;
  if (natural === "EdDSA" && jwk["alg"] === "Ed25519") return natural;
  if (natural === "RS256" && jwk["alg"] === "PS256") return "PS256";
  return undefined;
}

function naturalAlg(jwk: JsonWebKey): Alg | undefined {
  if (jwk.kty === "EC" && jwk.crv === "P-384") return "ES384";
  if (jwk.kty === "EC" && jwk.crv === "P-256") return "ES256";
  if (jwk.kty === "OKP" && jwk.crv === "Ed25519") return "EdDSA";
  // A provider that names no algorithm for its RSA keys means RS256 (Entra ID does so).
  if (jwk.kty === "RSA") return "RS256";
  return undefined;
}

/** Reads the public key of a JWK; throws when its numbers are not a key, or a weak one. */
export function publicKeyOf(jwk: JsonWebKey): KeyObject {
  const key = createPublicKey({ key: onlyPublic(jwk), format: "jwk" });
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)) {
    throw new RangeError(`an RSA key of ${bits} bits is not taken`);
  }
  return key;
}

/** The published form of a public key. */
export function publicJwk(key: KeyObject, alg: Alg, kid?: string): Jwk {
  const exported = onlyPublic(key.export({ format: "jwk" }));
  return { ...exported, kid: kid ?? thumbprint(exported), alg, use: "sig" };
}

type PublicMembers = {
  kty: string;
  crv?: string;
  x?: string;
  y?: string;
  n?: string;
  e?: string;
};

/** The members that make the key, and no other: nothing private, nothing that was merely sent along. */
function onlyPublic(jwk: JsonWebKey): PublicMembers {
  if (jwk.kty === "RSA") return { kty: "RSA", n: text(jwk.n), e: text(jwk.e) };
  const curve = { kty: text(jwk.kty), crv: text(jwk.crv), x: text(jwk.x) };
  return jwk.kty === "EC" ? { ...curve, y: text(jwk.y) } : curve;
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new TypeError("a member of the key is missing");
  return value;
}

/** RFC 7638: SHA-256 over the required members in alphabetic order. */
export function thumbprint(jwk: JsonWebKey): string {
  const members = Object.entries(onlyPublic(jwk)).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256")
    .update(JSON.stringify(Object.fromEntries(members)))
    .digest("base64url");
}
