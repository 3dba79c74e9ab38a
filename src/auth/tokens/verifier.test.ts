import assert from "node:assert/strict";
import { test } from "node:test";
import { importJWK, jwtVerify, SignJWT } from "jose";
import { generateKey, localSigner } from "../keys/signer.ts";
import { BAD_SIGNATURES_BURST, VERIFIED_LIFE_MS } from "../limits.ts";
import type { KeySource, VerifyKey } from "../sources/key-source.ts";
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
import { createIssuer } from "./issuer.ts";
import { VerifiedCache } from "./verified-cache.ts";
import { createVerifier, type Verifier } from "./verifier.ts";

const signer = await newSigner();
const header = { typ: "at+jwt", alg: "ES384", kid: signer.kid };

function setUp(source: KeySource = fixedSource([verifyKey(signer)])): {
  verifier: Verifier;
  clock: FakeClock;
  steps: string[];
} {
  const clock = new FakeClock();
  const steps: string[] = [];
  const instruments = {
    sign: () => undefined,
    jwksFetch: () => undefined,
    verify: (_: number, outcome: string) => void steps.push(outcome),
  };
  return { verifier: createVerifier({ ...EXPECTED, source, clock, instruments }), clock, steps };
}

for (const alg of ["ES384", "ES256", "EdDSA"] as const) {
  test(`another implementation reads our ${alg} tokens, and we read its`, async () => {
    const key = await generateKey(alg);
    const own = localSigner(key, alg);
    const { verifier, clock } = setUp(fixedSource([verifyKey(own)]));
    const issuer = createIssuer({ ...EXPECTED, ring: { signer: () => own }, clock });
    const { token, kid, expiresAt } = await issuer.sign({
      sub: "alice",
      scope: ["books", "files"],
      ttlSeconds: 60,
    });
    assert.equal(kid, own.kid);
    assert.equal(expiresAt, START / 1_000 + 60);
    const { payload, protectedHeader } = await jwtVerify(token, await importJWK({ ...own.publicJwk }, alg), {
      currentDate: new Date(START),
      typ: "at+jwt",
      ...EXPECTED,
    });
    assert.deepEqual(protectedHeader, { typ: "at+jwt", alg, kid });
    assert.deepEqual({ sub: payload.sub, scope: payload["scope"] }, { sub: "alice", scope: "books files" });

    const theirs = await new SignJWT(goodClaims()).setProtectedHeader({ typ: "at+jwt", alg, kid }).sign(key);
    assert.equal((await verifier.verify(theirs)).ok, true);
  });
}

test("equal tokens that arrive together are checked once", async () => {
  const { verifier, steps } = setUp();
  const token = await forge(header, goodClaims(), signer.sign);
  const answers = await Promise.all(Array.from({ length: 50 }, () => verifier.verify(token)));
  assert.ok(answers.every((answer) => answer.ok));
  assert.equal(verifier.cached, 1);
  assert.deepEqual([...new Set(steps)], ["ok"]);
});

test("a hit still looks at the time", async () => {
  const { verifier, clock, steps } = setUp();
  const token = await forge(header, { ...goodClaims(), exp: START / 1_000 + 60 }, signer.sign);
  assert.equal((await verifier.verify(token)).ok, true);
  clock.jump(59_000);
  assert.equal((await verifier.verify(token)).ok, true);
  clock.jump(60_000);
  const late = await verifier.verify(token);
  assert.equal(!late.ok && late.code, "ERR_TOKEN_EXPIRED");
  assert.deepEqual(steps, ["ok", "hit", "expired"]);
});

test("a remembered token is checked again after five minutes", async () => {
  const { verifier, clock, steps } = setUp();
  const token = await forge(header, { ...goodClaims(), exp: START / 1_000 + 900 }, signer.sign);
  await verifier.verify(token);
  clock.jump(VERIFIED_LIFE_MS + 1);
  await verifier.verify(token);
  assert.deepEqual(steps, ["ok", "ok"]);
});

test("a withdrawn key takes its remembered tokens with it, and only its", async () => {
  const other = await newSigner();
  const source = fixedSource([verifyKey(signer), verifyKey(other)]);
  const { verifier } = setUp(source);
  const one = await forge(header, goodClaims(), signer.sign);
  const two = await forge({ ...header, kid: other.kid }, goodClaims(), other.sign);
  await verifier.verify(one);
  await verifier.verify(two);
  source.set([verifyKey(other)]);
  assert.equal(verifier.cached, 1);
  assert.equal((await verifier.verify(one)).ok, false);
  assert.equal((await verifier.verify(two)).ok, true);
});

test("a different key under the same id does not inherit remembered tokens", async () => {
  const source = fixedSource([verifyKey(signer)]);
  const { verifier } = setUp(source);
  const token = await forge(header, goodClaims(), signer.sign);
  await verifier.verify(token);
  const usurper: VerifyKey = { ...verifyKey(await newSigner()), kid: signer.kid };
  source.set([usurper]);
  assert.equal((await verifier.verify(token)).ok, false);
});

test("a key withdrawn while a check is under way makes it fail", async () => {
  const source = fixedSource([verifyKey(signer)]);
  const { verifier } = setUp(source);
  const answer = verifier.verify(await forge(header, goodClaims(), signer.sign));
  source.set([]);
  assert.equal((await answer).ok, false);
  assert.equal(verifier.cached, 0);
});

test("an unknown key makes the source look again, once, before the refusal", async () => {
  const inner = fixedSource([]);
  let asked = 0;
  const source: KeySource = {
    ...inner,
    async refresh() {
      asked += 1;
      inner.set([verifyKey(signer)]);
    },
  };
  const { verifier } = setUp(source);
  assert.equal((await verifier.verify(await forge(header, goodClaims(), signer.sign))).ok, true);
  assert.equal(asked, 1);
});

test("a flood of bad signatures stops its sender only, and only for a moment", async () => {
  const { verifier, clock, steps } = setUp();
  const bad = async (n: number, from: string): Promise<unknown> =>
    verifier.verify(await forge(header, { ...goodClaims(), jti: `b${n}` }, () => new Uint8Array(96)), from);
  for (let n = 0; n < BAD_SIGNATURES_BURST; n += 1) await bad(n, "mallory");
  await bad(1_000, "mallory");
  assert.equal(steps.at(-1), "limit");
  assert.equal(steps.filter((step) => step === "signature").length, BAD_SIGNATURES_BURST);

  const good = await forge(header, goodClaims(), signer.sign);
  assert.equal((await verifier.verify(good, "alice")).ok, true, "others are not touched");
  assert.equal((await verifier.verify(good, "mallory")).ok, true, "what is remembered costs nothing");
  clock.jump(1_000);
  await bad(1_001, "mallory");
  assert.equal(steps.at(-1), "signature", "after a second there is allowance again");
});

test("a denied token is refused also on a hit", async () => {
  const denied = new Set<string>();
  const verifier = createVerifier({
    ...EXPECTED,
    source: fixedSource([verifyKey(signer)]),
    clock: new FakeClock(),
    denied: ({ jti }) => (denied.has(jti) ? "revoked" : undefined),
  });
  const token = await forge(header, goodClaims(), signer.sign);
  assert.equal((await verifier.verify(token)).ok, true);
  denied.add("one");
  assert.equal((await verifier.verify(token)).ok, false);
});

test("no token is told apart from a bad one", async () => {
  const { verifier } = setUp();
  const missing = await verifier.verify("");
  assert.equal(!missing.ok && missing.code, "ERR_TOKEN_MISSING");
});

test("the cache is bounded and drops the least recently used", () => {
  const cache = new VerifiedCache(2);
  const key = verifyKey(signer);
  const claims = { iss: "", sub: "", aud: "", iat: 0, jti: "", exp: START / 1_000 + 300 };
  cache.put("a", claims, key, START);
  cache.put("b", claims, key, START);
  assert.ok(cache.get("a", START));
  cache.put("c", claims, key, START);
  assert.equal(cache.size, 2);
  assert.ok(cache.get("a", START));
  assert.equal(cache.get("b", START), undefined);
  assert.equal(cache.get("c", START - 1), undefined, "a clock set back does not lengthen a life");
});

const BAD_REQUESTS = [
  { sub: "" },
  { sub: "a\nb" },
  { sub: "a".repeat(257) },
  { sub: "alice", ttlSeconds: 901 },
  { sub: "alice", ttlSeconds: 0 },
  { sub: "alice", ttlSeconds: 1.5 },
  { sub: "alice", scope: [] },
  { sub: "alice", scope: ["a b"] },
  { sub: "alice", scope: Array.from({ length: 65 }, (_, i) => `s${i}`) },
  { sub: "alice", scope: Array.from({ length: 64 }, () => "s".repeat(100)) },
  { sub: "alice", aud: "" },
];
for (const request of BAD_REQUESTS) {
  test(`not signed: ${JSON.stringify(request).slice(0, 60)}`, async () => {
    const issuer = createIssuer({ ...EXPECTED, ring: { signer: () => signer }, clock: new FakeClock() });
    await assert.rejects(issuer.sign(request), { code: "ERR_INVALID_ARGUMENT" });
  });
}

test("the queue of signatures has a bound", async () => {
  const never = { ...signer, sign: () => new Promise<Uint8Array>(() => undefined) };
  const issuer = createIssuer({ ...EXPECTED, ring: { signer: () => never }, clock: new FakeClock() });
  for (let n = 0; n < 1_000; n += 1) void issuer.sign({ sub: "alice" });
  await assert.rejects(issuer.sign({ sub: "alice" }), { code: "ERR_LIMIT" });
});
