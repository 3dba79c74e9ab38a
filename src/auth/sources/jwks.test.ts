import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { newSigner } from "../testing.ts";
import { parseJwks } from "./jwks.ts";

const { publicJwk: ec } = await newSigner("ES384");
const { publicJwk: ed } = await newSigner("EdDSA");
const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 }).publicKey.export({ format: "jwk" });
const text = (...keys: unknown[]): string => JSON.stringify({ keys });

test("keys of known algorithms come out, in their published form", () => {
  const keys = parseJwks(text({ ...ec, extra: "x" }, ed, { ...rsa, kid: "r" }));
  assert.deepEqual(
    keys.map(({ kid, alg }) => [kid, alg]),
    [
      [ec.kid, "ES384"],
      [ed.kid, "EdDSA"],
      ["r", "RS256"],
    ],
  );
  assert.deepEqual(keys[0]?.jwk, ec);
});

test("a foreign id is kept; alg and use are filled in", () => {
  const { kty, crv, x, y } = ec;
  const [key] = parseJwks(text({ kty, crv, x, y, kid: "2026-01" }));
  assert.deepEqual(key?.jwk, { ...ec, kid: "2026-01" });
});

const PASSED_OVER: Record<string, unknown> = {
  "a key without id": { ...ec, kid: undefined },
  "a key for encryption": { ...ec, kid: "e", use: "enc" },
  "a key that may not verify": { ...ec, kid: "e", key_ops: ["encrypt"] },
  "an unknown curve": { ...ec, kid: "e", crv: "secp256k1", alg: undefined },
  "an unknown kind": { kty: "AKP", kid: "e" },
  "an algorithm that is not the key's": { ...ec, kid: "e", alg: "HS256" },
};
for (const [name, key] of Object.entries(PASSED_OVER)) {
  test(`passed over: ${name}`, () => {
    assert.deepEqual(
      parseJwks(text(key, ed)).map(({ kid }) => kid),
      [ed.kid],
    );
  });
}

const REFUSED: Record<string, readonly [string, RegExp]> = {
  "no JSON": ["{", /not JSON/],
  "an HTML page": ["<html>", /not JSON/],
  "no list": ['{"keys":{}}', /no "keys" list/],
  null: ["null", /no "keys" list/],
  "an empty list": ['{"keys":[]}', /no usable/],
  "nothing usable": [text({ kty: "oct", kid: "a" }), /no usable/],
  "a key that is text": [text("key"), /not an object/],
  "one id twice": [text(ec, { ...ed, kid: ec.kid }), /twice/],
  "a private EC key": [text({ ...ec, d: "AAAA" }), /private part "d"/],
  "a symmetric key": [text({ kty: "oct", k: "c2VjcmV0", kid: "s" }), /private part "k"/],
  "a point off the curve": [text({ ...ec, x: ec.y, y: ec.x }), /not a valid ES384 key/],
  "33 keys": [text(...Array.from({ length: 33 }, (_, n) => ({ ...ec, kid: `k${n}` }))), /over 32/],
  "over 64 KiB": [text(ec, { pad: "x".repeat(65_536) }), /over 65536/],
};
for (const [name, [input, reason]] of Object.entries(REFUSED)) {
  test(`refused as a whole: ${name}`, () => assert.throws(() => parseJwks(input), reason));
}
