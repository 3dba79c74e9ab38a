import assert from "node:assert/strict";
import { chmod, mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { KeyState } from "#rpc";
import type { KeyTable } from "../sources/key-source.ts";
import { FakeClock, MemoryLog, temporaryDirectory } from "../testing.ts";
import { type KeyRing, openKeyRing } from "./key-ring.ts";
import { KEY_TIMES } from "./schedule.ts";

const DAY = 24 * 3_600_000;

async function open(
  directory: string,
  clock = new FakeClock(),
): Promise<{ ring: KeyRing; clock: FakeClock }> {
  const ring = await openKeyRing({ directory: join(directory, "keys"), clock, log: new MemoryLog() });
  return { ring, clock };
}

const states = (ring: KeyRing): KeyState[] =>
  ring
    .records()
    .map((key) => key.state)
    .toSorted();
const active = (ring: KeyRing): string => ring.signer().kid;

test("the first start makes a key that signs, and prepares the next", async () => {
  await using temporary = await temporaryDirectory();
  const { ring } = await open(temporary.path);
  assert.deepEqual(states(ring), ["active", "prepared"]);
  assert.deepEqual([...ring.table().byKid.keys()], [active(ring)], "a prepared key is not announced");
  const file = join(temporary.path, "keys", "signing.json");
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  await ring.close();
});

test("a restart has the same keys, revision and signer", async () => {
  await using temporary = await temporaryDirectory();
  const first = await open(temporary.path);
  await first.ring.rotate(true);
  const before = {
    records: first.ring.records(),
    revision: first.ring.table().revision,
    kid: active(first.ring),
  };
  await first.ring.close();
  const { ring } = await open(temporary.path, first.clock);
  assert.deepEqual({ records: ring.records(), revision: ring.table().revision, kid: active(ring) }, before);
  await ring.close();
});

test("a key goes through all its states by time alone", async () => {
  await using temporary = await temporaryDirectory();
  const { ring, clock } = await open(temporary.path);
  const settle = (): Promise<void> => ring.idle();
  const old = active(ring);
  const revisions: number[] = [ring.table().revision];
  ring.onChange((table: KeyTable) => revisions.push(table.revision));

  await clock.advance(KEY_TIMES.rotateMs - KEY_TIMES.publishMs - 1, settle);
  assert.deepEqual(states(ring), ["active", "prepared"]);
  await clock.advance(1_001, settle);
  assert.deepEqual(states(ring), ["active", "prepared", "published"], "announced before it signs");
  assert.equal(active(ring), old);
  assert.equal(ring.table().byKid.size, 2);

  await clock.advance(KEY_TIMES.publishMs, settle);
  assert.deepEqual(states(ring), ["active", "prepared", "retiring"]);
  assert.notEqual(active(ring), old);
  assert.ok(ring.table().byKid.has(old), "tokens of the old key still verify");

  await clock.advance(KEY_TIMES.retireMs + 1_000, settle);
  assert.deepEqual(states(ring), ["active", "prepared", "removed"]);
  assert.ok(!ring.table().byKid.has(old));
  assert.deepEqual(
    revisions,
    revisions.toSorted((a, b) => a - b),
  );
  assert.equal(revisions.length, 3, "one for each change of the set, none when only the signer changed");
  await ring.close();
});

test("keys rotate every 30 days, for ever, and old ones are forgotten", async () => {
  await using temporary = await temporaryDirectory();
  const { ring, clock } = await open(temporary.path);
  const seen = new Set<string>();
  for (let month = 0; month < 20; month += 1) {
    seen.add(active(ring));
    await clock.advance(30 * DAY, () => ring.idle());
  }
  assert.equal(seen.size, 20);
  assert.ok(ring.records().length <= 19);
  await ring.close();
});

test("a retiring key keeps no private part on disk", async () => {
  await using temporary = await temporaryDirectory();
  const { ring } = await open(temporary.path);
  const old = active(ring);
  await ring.rotate(true);
  const text = await readFile(join(temporary.path, "keys", "signing.json"), "utf8");
  const { keys }: { keys: { kid: string; privateKey?: string }[] } = JSON.parse(text);
  assert.equal(keys.find((key) => key.kid === old)?.privateKey, undefined);
  assert.equal(keys.filter((key) => key.privateKey !== undefined).length, 2);
  await ring.close();
});

test("rotate announces; asked again it answers the same; now lets it sign at once", async () => {
  await using temporary = await temporaryDirectory();
  const { ring } = await open(temporary.path);
  const old = active(ring);
  const announced = await ring.rotate(false);
  assert.equal(announced.state, "published");
  assert.equal((await ring.rotate(false)).kid, announced.kid);
  assert.equal(active(ring), old);
  const now = await ring.rotate(true);
  assert.equal(now.kid, announced.kid);
  assert.equal(now.state, "active");
  assert.equal(active(ring), now.kid);
  assert.ok(ring.table().byKid.has(old));
  await ring.close();
});

test("revoking the active key takes it out at once and puts another to use", async () => {
  await using temporary = await temporaryDirectory();
  const { ring } = await open(temporary.path);
  const old = active(ring);
  const revoked = await ring.revoke(old);
  assert.equal(revoked.state, "removed");
  assert.ok(!ring.table().byKid.has(old));
  assert.notEqual(active(ring), old);
  assert.deepEqual(states(ring), ["active", "prepared", "removed"]);
  await assert.rejects(ring.revoke("nobody"), { code: "ERR_KEY_NOT_FOUND" });
  await ring.close();
});

test("changes at the same time run one after the other", async () => {
  await using temporary = await temporaryDirectory();
  const { ring } = await open(temporary.path);
  await Promise.all([ring.rotate(true), ring.rotate(true), ring.revoke(active(ring)), ring.rotate(false)]);
  assert.equal(states(ring).filter((state) => state === "active").length, 1);
  assert.equal(states(ring).filter((state) => state === "prepared").length, 1);
  await ring.close();
});

test("rotation has a bound until old keys have retired", async () => {
  await using temporary = await temporaryDirectory();
  const { ring } = await open(temporary.path);
  const rotations = async (): Promise<void> => {
    for (let i = 0; i < 40; i += 1) await ring.rotate(true);
  };
  await assert.rejects(rotations(), { code: "ERR_LIMIT" });
  await ring.close();
});

test("an active key from the future is taken to be of today", async () => {
  await using temporary = await temporaryDirectory();
  await (await open(temporary.path, new FakeClock(Date.UTC(2036, 0, 1)))).ring.close();
  const { ring, clock } = await open(temporary.path, new FakeClock(Date.UTC(2026, 0, 1)));
  const kid = active(ring);
  await clock.advance(31 * DAY, () => ring.idle());
  assert.notEqual(active(ring), kid);
  await ring.close();
});

test("a wall clock that ran ahead and came back does not stop rotation", async () => {
  await using temporary = await temporaryDirectory();
  const ahead = new FakeClock(Date.UTC(2036, 0, 1));
  const first = await open(temporary.path, ahead);
  await first.ring.rotate(false);
  await first.ring.close();
  const { ring, clock } = await open(temporary.path, new FakeClock(Date.UTC(2026, 0, 1)));
  const kid = active(ring);
  await clock.advance(KEY_TIMES.publishMs + 3_600_000, () => ring.idle());
  assert.notEqual(active(ring), kid, "the announced key signs after its time");
  const next = active(ring);
  await clock.advance(31 * DAY, () => ring.idle());
  assert.notEqual(active(ring), next);
  await ring.close();
});

test("a step that cannot be written does not happen, is reported, and is tried again", async () => {
  await using temporary = await temporaryDirectory();
  const { ring, clock } = await open(temporary.path);
  const kid = active(ring);
  await rename(join(temporary.path, "keys"), join(temporary.path, "away"));
  await assert.rejects(ring.rotate(true));
  assert.equal(active(ring), kid);
  await clock.advance(KEY_TIMES.rotateMs, () => ring.idle());
  assert.match(ring.problem() ?? "", /cannot be saved/);
  await rename(join(temporary.path, "away"), join(temporary.path, "keys"));
  await clock.advance(3_600_000, () => ring.idle());
  assert.equal(ring.problem(), undefined);
  assert.notEqual(active(ring), kid);
  await ring.close();
});

test("a key file that others can read stops the start", async () => {
  await using temporary = await temporaryDirectory();
  const { ring } = await open(temporary.path);
  await ring.close();
  await chmod(join(temporary.path, "keys", "signing.json"), 0o644);
  await assert.rejects(open(temporary.path), { code: "ERR_KEY_UNSAFE" });
});

const DAMAGE: Record<string, (text: string) => string> = {
  "half a file": (text) => text.slice(0, text.length / 2),
  "an empty file": () => "",
  "a newer version": (text) => text.replace('"version": 1', '"version": 2'),
  "another private key": (text) => {
    const file: { keys: { privateKey?: string }[] } = JSON.parse(text);
    const [first, second] = file.keys;
    if (first !== undefined && second?.privateKey !== undefined) first.privateKey = second.privateKey;
    return JSON.stringify(file);
  },
  "a lost private key": (text) => text.replace(/,\s*"privateKey": "[^"]*"/, ""),
  "another id": (text) => text.replace(/"kid": "./, '"kid": "!'),
};
for (const [name, damage] of Object.entries(DAMAGE)) {
  test(`${name} stops the start and stays as it is`, async () => {
    await using temporary = await temporaryDirectory();
    const { ring } = await open(temporary.path);
    await ring.close();
    const path = join(temporary.path, "keys", "signing.json");
    const damaged = damage(await readFile(path, "utf8"));
    await writeFile(path, damaged);
    await assert.rejects(open(temporary.path), { code: "ERR_STATE_CORRUPT" });
    assert.equal(await readFile(path, "utf8"), damaged);
  });
}

test("other files in the directory are left alone, and no timer stays after close", async () => {
  await using temporary = await temporaryDirectory();
  await mkdir(join(temporary.path, "keys"), { mode: 0o700 });
  await writeFile(join(temporary.path, "keys", "node.key"), "tls");
  const { ring, clock } = await open(temporary.path);
  assert.equal(clock.pending, 1);
  await ring.close();
  assert.equal(clock.pending, 0);
  assert.equal(await readFile(join(temporary.path, "keys", "node.key"), "utf8"), "tls");
});
