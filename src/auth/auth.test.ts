import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { KeySet } from "#rpc";
import { type Auth, createAuth, type IdentityConfig } from "./index.ts";
import {
  FakeClock,
  forge,
  goodClaims,
  MemoryLog,
  MIDDLE,
  newSigner,
  nextTurn,
  START,
  temporaryDirectory,
} from "./testing.ts";

const NODE = "edge1.acme.catalyst.internal";

async function open(
  dataDir: string,
  identity: IdentityConfig = { mode: "own" },
): Promise<{ auth: Auth; clock: FakeClock; log: MemoryLog } & AsyncDisposable> {
  const clock = new FakeClock();
  const log = new MemoryLog();
  const organization = "acme.catalyst.internal";
  const auth = await createAuth({ dataDir, node: NODE, organization, identity, clock, random: MIDDLE, log });
  return { auth, clock, log, [Symbol.asyncDispose]: () => auth.close() };
}

test("what it signs, it verifies; a rotated key goes on, a revoked one does not", async () => {
  await using temporary = await temporaryDirectory();
  await using on = await open(temporary.path);
  const { token, kid } = await on.auth.sign({ sub: "alice" });
  assert.equal((await on.auth.verify(token)).ok, true);
  await on.auth.keyRotate({ now: true });
  assert.equal((await on.auth.verify(token)).ok, true);
  const later = await on.auth.sign({ sub: "alice" });
  assert.notEqual(later.kid, kid);
  await on.auth.keyRevoke(kid);
  assert.equal((await on.auth.verify(token)).ok, false);
  assert.equal((await on.auth.verify(later.token)).ok, true);
  assert.deepEqual((await on.auth.keyList()).map((key) => key.state).toSorted(), [
    "active",
    "prepared",
    "removed",
  ]);
});

test("a restart verifies the tokens from before", async () => {
  await using temporary = await temporaryDirectory();
  const first = await open(temporary.path);
  const { token } = await first.auth.sign({ sub: "alice" });
  const before = await first.auth.jwks();
  await first.auth.close();
  await using second = await open(temporary.path);
  assert.equal((await second.auth.verify(token)).ok, true);
  assert.deepEqual(await second.auth.jwks(), before);
});

test("status counts what there is", async () => {
  await using temporary = await temporaryDirectory();
  await using on = await open(temporary.path);
  await on.auth.apiKeyCreate({ principal: "ci" });
  const { activeKid, ...status } = await on.auth.status();
  assert.equal(activeKid, (await on.auth.sign({ sub: "a" })).kid);
  assert.deepEqual(status, {
    issuer: NODE,
    audience: "acme.catalyst.internal",
    mode: "own",
    keys: 1,
    apiKeys: 1,
  });
});

test("mode none mints and says loudly what it is", async () => {
  await using temporary = await temporaryDirectory();
  await using on = await open(temporary.path, { mode: "none" });
  assert.equal((await on.auth.verify((await on.auth.sign({ sub: "alice" })).token)).ok, true);
  assert.equal((await on.auth.status()).mode, "none");
  assert.ok(on.log.lines.some(({ level, text }) => level === "warn" && text.includes("none")));
});

test("with another issuer's keys it verifies, and refuses to mint", async () => {
  await using temporary = await temporaryDirectory();
  const idp = await newSigner("ES256");
  const file = join(temporary.path, "jwks.json");
  await writeFile(file, JSON.stringify({ keys: [idp.publicJwk] }));
  const issuer = "https://idp.example";
  await using on = await open(join(temporary.path, "data"), {
    mode: "jwks",
    jwks: { file },
    issuer,
    audience: "api",
  });
  const claims = { ...goodClaims(START), iss: issuer, aud: "api" };
  const token = await forge({ typ: "at+jwt", alg: "ES256", kid: idp.kid }, claims, idp.sign);
  assert.equal((await on.auth.verify(token)).ok, true);
  const foreign = { code: "ERR_TOKENS_FOREIGN" };
  await assert.rejects(on.auth.sign({ sub: "alice" }), foreign);
  await assert.rejects(on.auth.exchange("cat_live_x"), foreign);
  await assert.rejects(on.auth.keyRotate({ now: true }), foreign);
  await assert.rejects(on.auth.keyRevoke(idp.kid), foreign);
  await assert.rejects(on.auth.apiKeyCreate({ principal: "ci" }), foreign);
  assert.deepEqual(await on.auth.keyList(), []);
  assert.deepEqual(await on.auth.status(), { issuer, audience: "api", mode: "jwks", keys: 1, apiKeys: 0 });
  const { port } = await on.auth.listenHttp({ host: "127.0.0.1", port: 0 });
  const answer = async (path: string, init?: RequestInit): Promise<number> =>
    (
      await fetch(`http://127.0.0.1:${port}${path}`, {
        headers: { authorization: "Bearer x", connection: "close" },
        ...init,
      })
    ).status;
  assert.equal(await answer("/.well-known/jwks.json"), 200);
  assert.equal(await answer("/.well-known/openid-configuration"), 404);
  assert.equal(await answer("/auth/token", { method: "POST" }), 400);
  assert.equal(await answer("/authz/x"), 401);
});

test("mode jwks without keys to read is a configuration error", async () => {
  await using temporary = await temporaryDirectory();
  await assert.rejects(open(temporary.path, { mode: "jwks" }), { code: "ERR_CONFIG_INVALID" });
});

test("a watcher hears at once, then of each change, until it is gone", async () => {
  await using temporary = await temporaryDirectory();
  await using on = await open(temporary.path);
  const seen: KeySet[] = [];
  await on.auth.watchKeys((keys) => void seen.push(keys));
  await nextTurn();
  assert.deepEqual(seen, [await on.auth.jwks()]);
  await on.auth.keyRotate({ now: true });
  await nextTurn();
  assert.deepEqual(seen.at(-1), await on.auth.jwks());
  assert.equal(seen.length, 2);
  assert.ok((seen[1]?.revision ?? 0) > (seen[0]?.revision ?? 0));
});

test("a watcher hears when an API key is revoked, with the keys as they are", async () => {
  await using temporary = await temporaryDirectory();
  await using on = await open(temporary.path);
  const { id } = await on.auth.apiKeyCreate({ principal: "bob" });
  const seen: KeySet[] = [];
  await on.auth.watchKeys((keys) => void seen.push(keys));
  await nextTurn();
  await on.auth.apiKeyRevoke(id);
  await nextTurn();
  assert.equal(seen.length, 2);
  assert.deepEqual(seen[1], seen[0]);
});

const nothing: (error: Error) => void = () => undefined;

/** Behaves like a stub of an RPC session: dies with the call unless kept, tells when it breaks, is given back. */
function stub(call: (keys: KeySet) => unknown) {
  const life = { kept: 0, disposed: 0, broken: nothing };
  const kept = Object.assign((keys: KeySet) => call(keys), {
    onRpcBroken: (callback: (error: Error) => void) => void (life.broken = callback),
    [Symbol.dispose]: () => void (life.disposed += 1),
  });
  const passed = Object.assign((): never => assert.fail("used after the call"), {
    dup: () => {
      life.kept += 1;
      return kept;
    },
  });
  return { life, passed };
}

test("a stub is kept, and given back when a call fails or its session breaks", async () => {
  await using temporary = await temporaryDirectory();
  await using on = await open(temporary.path);
  let calls = 0;
  const failing = stub(async () => {
    calls += 1;
    if (calls > 1) throw new Error("session closed");
  });
  const breaking = stub(() => undefined);
  await on.auth.watchKeys(failing.passed);
  await on.auth.watchKeys(breaking.passed);
  await nextTurn();
  breaking.life.broken(new Error("connection lost"));
  await on.auth.keyRotate({ now: true });
  await nextTurn();
  await on.auth.keyRotate({ now: true });
  await nextTurn();
  assert.equal(calls, 2, "dropped after the failure");
  for (const { life } of [failing, breaking]) assert.deepEqual([life.kept, life.disposed], [1, 1]);
});

test("a slow watcher holds one call, and then hears the newest only", async () => {
  await using temporary = await temporaryDirectory();
  await using on = await open(temporary.path);
  const seen: KeySet[] = [];
  let release = (): void => undefined;
  await on.auth.watchKeys((keys) => {
    seen.push(keys);
    return new Promise<void>((resolve) => (release = resolve));
  });
  for (let n = 0; n < 5; n += 1) await on.auth.keyRotate({ now: true });
  assert.equal(seen.length, 1);
  release();
  await nextTurn();
  assert.deepEqual(seen.slice(1), [await on.auth.jwks()]);
});

test("watchers have a bound", async () => {
  await using temporary = await temporaryDirectory();
  await using on = await open(temporary.path);
  for (let n = 0; n < 64; n += 1) await on.auth.watchKeys(() => undefined);
  await assert.rejects(
    on.auth.watchKeys(() => undefined),
    { code: "ERR_LIMIT" },
  );
});

test("a refused start leaves nothing behind", async () => {
  await using temporary = await temporaryDirectory();
  await writeFile(join(temporary.path, "auth.db"), "x".repeat(4_096), { mode: 0o600 });
  const clock = new FakeClock();
  const options = { node: NODE, organization: "acme.catalyst.internal", identity: { mode: "own" } as const };
  const rest = { dataDir: temporary.path, clock, random: MIDDLE, log: new MemoryLog() };
  await assert.rejects(createAuth({ ...options, ...rest }), { code: "ERR_STATE_CORRUPT" });
  assert.equal(clock.pending, 0);
});
