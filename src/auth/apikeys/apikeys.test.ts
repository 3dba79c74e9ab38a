import assert from "node:assert/strict";
import { chmod, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { SignRequest } from "#rpc";
import {
  EXPECTED,
  FakeClock,
  fixedSource,
  newSigner,
  START,
  temporaryDirectory,
  verifyKey,
} from "../testing.ts";
import { createIssuer } from "../tokens/issuer.ts";
import { createExchange } from "./exchange.ts";
import { keyIdOf, newKeyId, newKeyText } from "./format.ts";
import { type ApiKeyStore, openApiKeys } from "./store.ts";

const DAY = 24 * 3_600_000;
const INVALID = { code: "ERR_APIKEY_INVALID" };

async function store(): Promise<{ keys: ApiKeyStore; path: string; directory: string } & AsyncDisposable> {
  const temporary = await temporaryDirectory();
  const path = join(temporary.path, "auth.db");
  const keys = openApiKeys(path);
  return {
    keys,
    path,
    directory: temporary.path,
    async [Symbol.asyncDispose]() {
      keys.close();
      await temporary[Symbol.asyncDispose]();
    },
  };
}

test("a key has 71 characters, its id and a checksum", () => {
  const id = newKeyId();
  const text = newKeyText(id);
  assert.match(text, /^cat_live_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}$/);
  assert.equal(text.length, 71);
  assert.equal(keyIdOf(text), id);
  assert.notEqual(newKeyText(id), text);
});

test("any single mistyped character is noticed", () => {
  const text = newKeyText(newKeyId());
  for (let at = 0; at < text.length; at += 1) {
    const wrong = `${text.slice(0, at)}${text[at] === "x" ? "y" : "x"}${text.slice(at + 1)}`;
    assert.equal(keyIdOf(wrong), undefined, `at ${at}`);
  }
  assert.equal(keyIdOf(text.slice(1)), undefined);
  assert.equal(keyIdOf(`${text}x`), undefined);
  assert.equal(keyIdOf(""), undefined);
});

test("a key is shown once, and the store holds nothing that could be used as one", async () => {
  await using opened = await store();
  const { key, ...record } = opened.keys.create({ principal: "ci", scopes: ["books"] }, START);
  assert.deepEqual(record, {
    id: keyIdOf(key),
    principal: "ci",
    scopes: ["books"],
    createdBy: "admin",
    createdAt: START,
    notBefore: START,
    state: "active",
  });
  assert.deepEqual(opened.keys.list(START), [record]);
  const secret = key.slice(22, 65);
  for (const name of await readdir(opened.directory)) {
    assert.ok(!(await readFile(join(opened.directory, name))).includes(secret), name);
    assert.equal((await stat(join(opened.directory, name))).mode & 0o777, 0o600, name);
  }
});

test("a key lives from its start to its end", async () => {
  await using opened = await store();
  const { key } = opened.keys.create(
    { principal: "ci", notBefore: START + 1_000, expiresAt: START + 5_000 },
    START,
  );
  assert.throws(() => opened.keys.authenticate(key, START + 999), /not valid yet/);
  assert.equal(opened.keys.authenticate(key, START + 1_000).principal, "ci");
  assert.throws(() => opened.keys.authenticate(key, START + 5_000), /is expired/);
  assert.equal(opened.keys.list(START + 5_000)[0]?.state, "expired");
  assert.equal(opened.keys.count(START + 4_999), 1);
  assert.equal(opened.keys.count(START + 5_000), 0);
});

test("a revoked key is refused at once, also its older secret", async () => {
  await using opened = await store();
  const { key, id } = opened.keys.create({ principal: "ci" }, START);
  const second = opened.keys.rotate(id, DAY, START);
  assert.equal(opened.keys.revoke(id, START + 7).revokedAt, START + 7);
  assert.throws(() => opened.keys.authenticate(key, START + 8), INVALID);
  assert.throws(() => opened.keys.authenticate(second.key, START + 8), /is revoked/);
  assert.equal(opened.keys.revoke(id, START + 9).revokedAt, START + 7, "the first revocation counts");
  assert.throws(() => opened.keys.rotate(id, 0, START + 9), INVALID);
  assert.throws(() => opened.keys.revoke("nobody", START), { code: "ERR_NOT_FOUND" });
});

test("rotation: both secrets are good until the overlap ends", async () => {
  await using opened = await store();
  const first = opened.keys.create({ principal: "ci" }, START);
  const second = opened.keys.rotate(first.id, DAY, START);
  assert.equal(second.id, first.id);
  assert.notEqual(second.key, first.key);
  for (const { key } of [first, second]) opened.keys.authenticate(key, START + DAY - 1);
  assert.throws(() => opened.keys.authenticate(first.key, START + DAY), INVALID);
  opened.keys.authenticate(second.key, START + DAY);
  const third = opened.keys.rotate(first.id, 0, START + DAY);
  assert.throws(() => opened.keys.authenticate(second.key, START + DAY), INVALID);
  opened.keys.authenticate(third.key, START + DAY);
  for (const overlap of [-1, 1.5, 91 * DAY, Number.NaN]) {
    assert.throws(() => opened.keys.rotate(first.id, overlap, START), { code: "ERR_INVALID_ARGUMENT" });
  }
});

test("the id alone, with a secret of one's own and a right checksum, is nothing", async () => {
  await using opened = await store();
  const { id } = opened.keys.create({ principal: "ci" }, START);
  assert.throws(() => opened.keys.authenticate(newKeyText(id), START), INVALID);
  assert.throws(() => opened.keys.authenticate(newKeyText(newKeyId()), START), INVALID);
  assert.throws(() => opened.keys.authenticate("cat_live_x", START), INVALID);
});

test("the day of the last use is kept, and no more", async () => {
  await using opened = await store();
  const { key } = opened.keys.create({ principal: "ci" }, START);
  opened.keys.authenticate(key, START + 5_000);
  assert.equal(opened.keys.list(START)[0]?.lastUsedDay, "2026-01-01");
  opened.keys.authenticate(key, START + 3 * DAY);
  assert.equal(opened.keys.list(START)[0]?.lastUsedDay, "2026-01-04");
});

test("a restart keeps keys and revocations", async () => {
  await using opened = await store();
  const { key, id } = opened.keys.create({ principal: "ci" }, START);
  const gone = opened.keys.create({ principal: "old" }, START);
  opened.keys.revoke(gone.id, START);
  const again = openApiKeys(opened.path);
  assert.equal(again.authenticate(key, START).id, id);
  assert.throws(() => again.authenticate(gone.key, START), /revoked/);
  again.close();
});

const BAD_REQUESTS: readonly object[] = [
  { principal: "" },
  { principal: "a\u0000" },
  { principal: 7 },
  { principal: "ci", scopes: [] },
  { principal: "ci", scopes: "books" },
  { principal: "ci", scopes: ["two words"] },
  { principal: "ci", expiresAt: START },
  { principal: "ci", expiresAt: Number.POSITIVE_INFINITY },
  { principal: "ci", expiresAt: "tomorrow" },
  { principal: "ci", notBefore: -1 },
  { principal: "ci", createdBy: "a\nb" },
];
for (const request of BAD_REQUESTS) {
  test(`no key is made of ${JSON.stringify(request)}`, async () => {
    await using opened = await store();
    assert.throws(() => opened.keys.create({ principal: "ci", ...request }, START), {
      code: "ERR_INVALID_ARGUMENT",
    });
    assert.equal(opened.keys.list(START).length, 0);
  });
}

const DAMAGE: Record<string, (path: string) => Promise<void> | void> = {
  "text instead of a database": (path) => writeFile(path, "x".repeat(8_192)),
  "a torn page": async (path) => {
    const bytes = await readFile(path);
    bytes.fill(0xff, 4_096 + 8, 4_096 + 600);
    await writeFile(path, bytes);
  },
  "a cut file": async (path) => writeFile(path, (await readFile(path)).subarray(0, 5_000)),
  "another program's database": (path) => {
    const other = new DatabaseSync(path);
    other.exec("PRAGMA application_id = 7");
    other.close();
  },
  "a newer version": (path) => {
    const newer = new DatabaseSync(path);
    newer.exec("PRAGMA user_version = 2");
    newer.close();
  },
};
for (const [name, damage] of Object.entries(DAMAGE)) {
  test(`${name}: a clear error, and the file stays as it is`, async () => {
    await using temporary = await temporaryDirectory();
    const path = join(temporary.path, "auth.db");
    const keys = openApiKeys(path);
    for (let n = 0; n < 50; n += 1) keys.create({ principal: `p${n}` }, START);
    keys.close();
    await damage(path);
    const before = await readFile(path);
    assert.throws(() => openApiKeys(path), { code: "ERR_STATE_CORRUPT", hint: /backup/ });
    assert.deepEqual(await readFile(path), before);
  });
}

test("a store that others can read is refused", async () => {
  await using temporary = await temporaryDirectory();
  const path = join(temporary.path, "auth.db");
  openApiKeys(path).close();
  await chmod(path, 0o644);
  assert.throws(() => openApiKeys(path), { code: "ERR_PERMISSION" });
});

async function exchangeSetUp(opened: { keys: ApiKeyStore }) {
  const clock = new FakeClock();
  const signer = await newSigner("ES256");
  const source = fixedSource([verifyKey(signer)]);
  const requests: SignRequest[] = [];
  const issuer = createIssuer({ ...EXPECTED, ring: { signer: () => signer }, clock });
  const exchange = createExchange({
    store: opened.keys,
    clock,
    keys: () => source.table(),
    issuer: {
      sign(request) {
        requests.push(request);
        return issuer.sign(request);
      },
    },
  });
  return { clock, source, requests, exchange: (key: string) => exchange.exchange(key) };
}

test("a key sent a thousand times costs one signature in four minutes", async () => {
  await using opened = await store();
  const { clock, requests, exchange } = await exchangeSetUp(opened);
  const { key, id } = opened.keys.create({ principal: "ci", scopes: ["books"] }, clock.now());
  const tokens = await Promise.all(Array.from({ length: 500 }, () => exchange(key)));
  assert.equal(new Set(tokens.map(({ token }) => token)).size, 1);
  assert.deepEqual(requests, [{ sub: "ci", clientId: id, scope: ["books"], ttlSeconds: 300 }]);
  clock.jump(240_000);
  assert.equal((await exchange(key)).token, tokens[0]?.token, "60 s are left");
  clock.jump(1_000);
  assert.notEqual((await exchange(key)).token, tokens[0]?.token, "less than 60 s are left");
  assert.equal(requests.length, 2);
});

test("a revoked key gets nothing, not even the token that is at hand", async () => {
  await using opened = await store();
  const { clock, exchange } = await exchangeSetUp(opened);
  const { key, id } = opened.keys.create({ principal: "ci" }, clock.now());
  await exchange(key);
  opened.keys.revoke(id, clock.now());
  await assert.rejects(exchange(key), INVALID);
});

test("a token at hand is not given out when its signing key is gone", async () => {
  await using opened = await store();
  const { clock, source, requests, exchange } = await exchangeSetUp(opened);
  const { key } = opened.keys.create({ principal: "ci" }, clock.now());
  await exchange(key);
  source.set([verifyKey(await newSigner("ES256"))]);
  await exchange(key);
  assert.equal(requests.length, 2);
});

test("a token never outlives its API key", async () => {
  await using opened = await store();
  const { clock, requests, exchange } = await exchangeSetUp(opened);
  const { key } = opened.keys.create({ principal: "ci", expiresAt: START + 100_500 }, clock.now());
  const first = await exchange(key);
  assert.equal(first.expiresAt, START / 1_000 + 100);
  clock.jump(90_000);
  assert.equal((await exchange(key)).token, first.token, "a longer one is not to be had");
  assert.equal(requests.length, 1);
  clock.jump(10_501);
  await assert.rejects(exchange(key), INVALID);
});
