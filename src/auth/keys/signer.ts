// The one interface behind which a signing key stands, so that a file, the authority's RPC, a KMS or PKCS#11 can take its
// place; and the form that holds the key in memory. Follows docs/internals/identity.md section 5.
// Invariant: a signature is raw r||s (JWS, RFC 7518 section 3.4), never DER, and is made on the thread pool: a synchronous
// ES384 signature would hold the event loop for 0.6 ms.

import { createPublicKey, generateKeyPair, type KeyObject, sign } from "node:crypto";
import { promisify } from "node:util";
import type { Jwk } from "#rpc";
import { type Alg, publicJwk, type SigningAlg } from "../algorithms.ts";

export interface Signer {
  readonly kid: string;
  readonly alg: Alg;
  readonly publicJwk: Jwk;
  readonly sign: (input: Uint8Array) => Promise<Uint8Array>;
}

const DIGEST = { ES384: "sha384", ES256: "sha256", EdDSA: null } as const;

export function localSigner(key: KeyObject, alg: SigningAlg): Signer {
  const jwk = publicJwk(createPublicKey(key), alg);
  return {
    kid: jwk.kid,
    alg,
    publicJwk: jwk,
    sign: (input) =>
      new Promise((resolve, reject) => {
        sign(DIGEST[alg], input, { key, dsaEncoding: "ieee-p1363" }, (error, signature) =>
          error === null ? resolve(signature) : reject(error),
        );
      }),
  };
}

const generate = promisify(generateKeyPair);

export async function generateKey(alg: SigningAlg): Promise<KeyObject> {
  if (alg === "EdDSA") return (await generate("ed25519")).privateKey;
  return (await generate("ec", { namedCurve: alg === "ES384" ? "P-384" : "P-256" })).privateKey;
}
