import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { calculateJwkThumbprint } from "jose";
import { algOf, publicJwk, publicKeyOf, SIGNING_ALGS, thumbprint } from "./algorithms.ts";
import { generateKey, localSigner } from "./keys/signer.ts";

for (const alg of SIGNING_ALGS) {
  test(`the thumbprint of an ${alg} key is that of RFC 7638`, async () => {
    const jwk = createPublicKey(await generateKey(alg)).export({ format: "jwk" });
    assert.equal(thumbprint(jwk), await calculateJwkThumbprint({ ...jwk, kty: String(jwk.kty) }));
    assert.equal(algOf(jwk), alg);
  });

  test(`an ${alg} signature is raw, not DER`, async () => {
    const signer = localSigner(await generateKey(alg), alg);
    assert.equal((await signer.sign(Buffer.from("x"))).length, alg === "ES384" ? 96 : 64);
  });
}

test("the RSA example of RFC 7638 has its thumbprint", () => {
  const n =
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs" +
    "tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5h" +
    "ajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
  const jwk = { kty: "RSA", n, e: "AQAB", alg: "RS256", kid: "2011-04-29" };
  assert.equal(thumbprint(jwk), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
});

test("a published key shows no private member", async () => {
  const key = await generateKey("ES384");
  assert.deepEqual(Object.keys(publicJwk(key, "ES384")).toSorted(), [
    "alg",
    "crv",
    "kid",
    "kty",
    "use",
    "x",
    "y",
  ]);
});

test("the algorithm belongs to the key", () => {
  assert.equal(algOf({ kty: "EC", crv: "P-384", alg: "ES256" }), undefined);
  assert.equal(algOf({ kty: "EC", crv: "P-521" }), undefined);
  assert.equal(algOf({ kty: "oct", k: "AAAA", alg: "HS256" }), undefined);
  assert.equal(algOf({ kty: "RSA", alg: "HS256" }), undefined);
  assert.equal(algOf({ kty: "RSA", alg: "PS256" }), "PS256");
  assert.equal(algOf({ kty: "RSA" }), "RS256");
});

test("a weak RSA key is not taken", () => {
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 1_024 });
  assert.throws(() => publicKeyOf(publicKey.export({ format: "jwk" })), /1024 bits/);
});
