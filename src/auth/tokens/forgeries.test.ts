// The corpus of forgeries: tokens that somebody clever sends, none of which may pass. Each is refused by the step named with
// it, so that a later check does not hide that an earlier one is gone; and the good token they all derive from passes.

import assert from "node:assert/strict";
import { createHmac, createSign, generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { publicKeyOf } from "../algorithms.ts";
import type { Instruments } from "../ports.ts";
import {
  EXPECTED,
  FakeClock,
  fixedSource,
  forge,
  goodClaims,
  newSigner,
  START,
  verifyKey,
} from "../testing.ts";
import { createVerifier } from "./verifier.ts";

const NOW = START / 1_000;
const signer = await newSigner();
const second = await newSigner("ES256");
const stranger = await newSigner();
const header = { typ: "at+jwt", alg: "ES384", kid: signer.kid };
const { sign } = signer;

const good = await forge(header, goodClaims(), sign);
const [head, body, signature] = good.split(".") as [string, string, string];
const publicPem = publicKeyOf({ ...signer.publicJwk }).export({ format: "pem", type: "spki" });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 });

const withHeader = (more: object): Promise<string> => forge({ ...header, ...more }, goodClaims(), sign);
const withClaims = (more: object): Promise<string> => forge(header, { ...goodClaims(), ...more }, sign);
const hmac = (key: string | Buffer) => (input: Uint8Array) =>
  createHmac("sha256", key).update(input).digest();
const without = (claim: string): Promise<string> => {
  const { [claim]: _, ...rest } = goodClaims();
  return forge(header, rest, sign);
};

const CORPUS: readonly (readonly [name: string, step: string, token: string])[] = [
  [
    "alg none, empty signature",
    "form",
    `${(await forge({ ...header, alg: "none" }, goodClaims(), sign)).split(".", 2).join(".")}.`,
  ],
  ["alg none with a signature", "alg", await withHeader({ alg: "none" })],
  ["alg nOnE", "alg", await withHeader({ alg: "nOnE" })],
  [
    "HS256 with the public key as secret",
    "alg",
    await forge({ ...header, alg: "HS256" }, goodClaims(), hmac(publicPem)),
  ],
  [
    "HS256 with x as secret",
    "alg",
    await forge({ ...header, alg: "HS256" }, goodClaims(), hmac(String(signer.publicJwk.x))),
  ],
  ["HMAC under the right alg", "signature", await forge(header, goodClaims(), hmac(publicPem))],
  ["another algorithm of the same family", "alg", await withHeader({ alg: "ES256" })],
  [
    "RS256 under an EC key id",
    "alg",
    await forge({ ...header, alg: "RS256" }, goodClaims(), (input) =>
      createSign("sha256").update(input).sign(rsa.privateKey),
    ),
  ],
  ["the key id of another key of the set", "alg", await withHeader({ kid: second.kid })],
  ["no alg", "alg", await forge({ typ: "at+jwt", kid: signer.kid }, goodClaims(), sign)],
  ["alg of another type", "alg", await withHeader({ alg: ["ES384"] })],
  ["typ JWT", "typ", await withHeader({ typ: "JWT" })],
  ["no typ", "typ", await forge({ alg: "ES384", kid: signer.kid }, goodClaims(), sign)],
  ["typ of a join token", "typ", await withHeader({ typ: "catalyst-join+jwt" })],
  ["typ of another organization's profile", "typ", await withHeader({ typ: "catalyst-xorg+jwt" })],
  ["typ with something behind", "typ", await withHeader({ typ: "at+jwt+x" })],
  ["crit", "header", await withHeader({ crit: ["exp"], exp: NOW + 300 })],
  ["an empty crit", "header", await withHeader({ crit: [] })],
  ["crit with b64 false", "header", await withHeader({ crit: ["b64"], b64: false })],
  ["b64 alone", "header", await withHeader({ b64: false })],
  [
    "an embedded key",
    "header",
    await forge({ ...header, jwk: stranger.publicJwk }, goodClaims(), stranger.sign),
  ],
  [
    "jku",
    "header",
    await forge({ ...header, jku: "https://evil.example/jwks.json" }, goodClaims(), stranger.sign),
  ],
  [
    "x5u",
    "header",
    await forge({ ...header, x5u: "https://evil.example/c.pem" }, goodClaims(), stranger.sign),
  ],
  ["x5c", "header", await forge({ ...header, x5c: ["AAAA"] }, goodClaims(), stranger.sign)],
  ["zip", "header", await withHeader({ zip: "DEF" })],
  ["no kid", "kid", await forge({ typ: "at+jwt", alg: "ES384" }, goodClaims(), sign)],
  ["an empty kid", "kid", await withHeader({ kid: "" })],
  ["kid of another type", "kid", await withHeader({ kid: 1 })],
  ["an unknown kid", "kid", await forge({ ...header, kid: stranger.kid }, goodClaims(), stranger.sign)],
  ["a kid that climbs paths", "kid", await withHeader({ kid: "../../keys/node.key" })],
  ["a kid that is a name of Object.prototype", "kid", await withHeader({ kid: "constructor" })],
  ["a kid with the right one in front", "kid", await withHeader({ kid: `${signer.kid}\u0000` })],
  ["signed by another key", "signature", await forge(header, goodClaims(), stranger.sign)],
  ["an all-zero signature", "signature", await forge(header, goodClaims(), () => new Uint8Array(96))],
  ["a short signature", "signature", `${head}.${body}.${signature.slice(0, 64)}`],
  [
    "a DER signature",
    "signature",
    await forge(header, goodClaims(), () => Buffer.from("3006020100020100", "hex")),
  ],
  [
    "changed claims under the old signature",
    "signature",
    `${head}.${(await withClaims({ sub: "root" })).split(".")[1]}.${signature}`,
  ],
  ["a foreign iss", "iss", await withClaims({ iss: "edge1.globex.catalyst.internal" })],
  ["iss with a slash behind", "iss", await withClaims({ iss: `${EXPECTED.issuer}/` })],
  ["iss in upper case", "iss", await withClaims({ iss: EXPECTED.issuer.toUpperCase() })],
  ["iss as list", "iss", await withClaims({ iss: [EXPECTED.issuer] })],
  ["a foreign aud", "aud", await withClaims({ aud: "globex.catalyst.internal" })],
  ["two aud", "aud", await withClaims({ aud: [EXPECTED.audience, "globex.catalyst.internal"] })],
  ["an empty list of aud", "aud", await withClaims({ aud: [] })],
  ["no exp", "exp", await without("exp")],
  ["exp as text", "exp", await withClaims({ exp: String(NOW + 300) })],
  [
    "exp beyond all numbers",
    "exp",
    await forge(header, JSON.stringify(goodClaims()).replace(/"exp":\d+/, '"exp":1e400'), sign),
  ],
  ["exp null", "exp", await withClaims({ exp: null })],
  ["expired", "expired", await withClaims({ iat: NOW - 331, exp: NOW - 31 })],
  ["no iat", "iat", await without("iat")],
  ["iat in the future", "iat", await withClaims({ iat: NOW + 31, exp: NOW + 331 })],
  ["not valid yet", "nbf", await withClaims({ nbf: NOW + 31 })],
  ["nbf of another type", "nbf", await withClaims({ nbf: "0" })],
  ["a life of 901 s", "life", await withClaims({ exp: NOW + 901 })],
  ["a life of ten years", "life", await withClaims({ exp: NOW + 315_360_000 })],
  ["a long life by an old iat", "life", await withClaims({ iat: NOW - 800, exp: NOW + 200 })],
  ["exp before iat", "life", await withClaims({ iat: NOW + 10, exp: NOW + 5 })],
  ["no sub", "sub", await without("sub")],
  ["an empty sub", "sub", await withClaims({ sub: "" })],
  ["sub as object", "sub", await withClaims({ sub: { toString: "root" } })],
  ["a sub that forges a log line", "sub", await withClaims({ sub: "alice\r\nlevel=error" })],
  ["a sub with terminal codes", "sub", await withClaims({ sub: "alice\u001b[2J" })],
  ["a sub of 5,000 characters", "sub", await withClaims({ sub: "a".repeat(5_000) })],
  ["no jti", "jti", await without("jti")],
  ["scope as list", "scope", await withClaims({ scope: ["*"] })],
  ["client_id as object", "client_id", await withClaims({ client_id: {} })],
  ["over 8 KiB", "size", await withClaims({ x: "a".repeat(8_192) })],
  ["one part", "form", head],
  ["two parts", "form", `${head}.${body}`],
  ["four parts", "form", `${good}.AAAA`],
  ["five parts, encrypted", "form", `${good}.AAAA.AAAA`],
  ["8,000 dots", "form", ".".repeat(8_000)],
  ["padding", "form", `${head}=.${body}.${signature}`],
  ["the other base64 alphabet", "form", `${head}.${body}.${"+/".repeat(64)}`],
  ["white space inside", "form", `${head}.${body}.\n${signature}`],
  ["white space around", "form", ` ${good}`],
  ["a NUL behind", "form", `${good}\u0000`],
  ["a header that is not JSON", "form", `${Buffer.from("{").toString("base64url")}.${body}.${signature}`],
  ["a header that is a list", "form", `${Buffer.from("[]").toString("base64url")}.${body}.${signature}`],
  ["claims that are text", "form", await forge(header, '"alice"', sign)],
  ["claims that are null", "form", await forge(header, "null", sign)],
  ["an API key", "form", `cat_live_${"a".repeat(12)}_${"b".repeat(49)}`],
  [
    "a claim set under __proto__",
    "iss",
    await forge(header, `{"__proto__":${JSON.stringify(goodClaims())}}`, sign),
  ],
  [
    "a header under __proto__",
    "typ",
    `${Buffer.from(`{"__proto__":${JSON.stringify(header)}}`).toString("base64url")}.${body}.${signature}`,
  ],
];

function verifierWithSteps(): {
  verify: (token: string) => Promise<{ ok: boolean; step: string; text: string }>;
} {
  let step = "";
  const instruments: Instruments = {
    sign: () => undefined,
    jwksFetch: () => undefined,
    verify: (_, outcome) => {
      step = outcome;
    },
  };
  const source = fixedSource([verifyKey(signer), verifyKey(second)]);
  const verifier = createVerifier({ ...EXPECTED, source, clock: new FakeClock(), instruments });
  return {
    async verify(token) {
      const verified = await verifier.verify(token);
      return { ok: verified.ok, step, text: verified.ok ? "" : verified.reason };
    },
  };
}

test("the good token passes", async () => {
  const { verify } = verifierWithSteps();
  assert.deepEqual(await verify(good), { ok: true, step: "ok", text: "" });
  assert.deepEqual(await verify(good), { ok: true, step: "hit", text: "" });
});

test("so do harmless variants of it", async () => {
  const { verify } = verifierWithSteps();
  for (const token of [
    await withHeader({ typ: "application/at+jwt" }),
    await withHeader({ typ: "AT+JWT" }),
    await withClaims({ aud: [EXPECTED.audience] }),
    await withClaims({ exp: NOW + 900 }),
    await withClaims({ iat: NOW - 320, exp: NOW - 20 }),
    await withClaims({ nbf: NOW + 29 }),
    await withClaims({ unknown: { deep: [1] } }),
    await forge({ ...header, alg: "ES256", kid: second.kid }, goodClaims(), second.sign),
  ]) {
    assert.deepEqual(await verify(token), { ok: true, step: "ok", text: "" });
  }
});

for (const [name, step, token] of CORPUS) {
  test(`refused: ${name}`, async () => {
    const { verify } = verifierWithSteps();
    await verify(good);
    const refused = await verify(token);
    assert.equal(refused.ok, false);
    assert.equal(refused.step, step, refused.text);
    assert.match(refused.text, /^[\x20-\x7e]{5,200}$/, "the reason repeats nothing dangerous");
  });
}
