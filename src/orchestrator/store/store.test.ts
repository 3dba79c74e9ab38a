import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { ServiceIntent } from "#routing";
import { persistRunner } from "../effects/persist.ts";
import { Blobs } from "./blobs.ts";
import { sha256, Store } from "./store.ts";

const intent = (name: string): ServiceIntent => ({
  name,
  protocol: "http",
  owner: { kind: "admin" },
  endpoints: ["http://127.0.0.1:1"],
  probe: { kind: "tcp", intervalMs: 2000, timeoutMs: 1000, up: 1, down: 3 },
  timeoutMs: 5000,
  export: false,
});

const place = (t: { after(run: () => void): void }): string => {
  const dir = mkdtempSync(join(tmpdir(), "catalyst-store-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return join(dir, "state.db");
};

test("what was saved is there after a restart, what was removed is not", (t) => {
  const file = place(t);
  const first = new Store(file, () => 1);
  first.saveIntents([
    ["a", intent("a")],
    ["b", intent("b")],
  ]);
  first.saveIntents([["a", undefined]]);
  first.close();
  const second = new Store(file, () => 2);
  assert.deepEqual(second.intents(), [intent("b")]);
  assert.deepEqual(second.problems, []);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  second.close();
});

test("what was flushed is in the files as they lie on disk, without the store being closed", async (t) => {
  const file = place(t);
  const first = new Store(file, () => 1);
  first.saveIntents([["a", intent("a")]]);
  await first.flushed();
  const copy = place(t);
  for (const suffix of ["", "-wal"]) copyFileSync(file + suffix, copy + suffix);
  const second = new Store(copy, () => 2);
  assert.deepEqual(second.intents(), [intent("a")]);
  second.close();
  first.saveIntents([["b", intent("b")]]);
  const flushed = first.flushed();
  first.close();
  await flushed;
  await first.flushed();
});

test("an effect is done when the disk has it, and tried again when the disk fails", async () => {
  const done: string[] = [];
  const disk = Promise.withResolvers<void>();
  const store = { saveIntents: () => void done.push("saved"), flushed: () => disk.promise };
  const effect = { kind: "persist", key: "a", want: intent("a") } as const;
  const { signal } = new AbortController();
  const context = { emit: () => {} } as never;
  const first = persistRunner(store)
    .batch([effect], context, signal)
    .then((result) => done.push(JSON.stringify(result)));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(done, ["saved"]);
  disk.resolve();
  await first;
  assert.deepEqual(done, ["saved", '{"ok":true}']);
  const broken = { ...store, flushed: () => Promise.reject(new Error("EIO")) };
  const result = await persistRunner(broken).batch([effect], context, signal);
  assert.ok(!Array.isArray(result) && "ok" in result && !result.ok);
  assert.equal(result.retry, true);
});

test("a row with a wrong checksum is set aside and named, the others stay", (t) => {
  const file = place(t);
  const first = new Store(file, () => 1);
  first.saveIntents([
    ["a", intent("a")],
    ["b", intent("b")],
  ]);
  first.close();
  const raw = new DatabaseSync(file);
  raw.exec("UPDATE intents SET json = replace(json, '127.0.0.1', '127.0.0.9') WHERE name = 'a'");
  raw.close();
  const second = new Store(file, () => 2);
  assert.deepEqual(
    second.intents().map((each) => each.name),
    ["b"],
  );
  assert.match(second.problems[0]?.text ?? "", /"a" is damaged/);
  assert.equal(second.intents().length, 1);
  second.close();
});

for (const [what, content] of [
  ["no database", "this is not a database, but long enough to look at".repeat(100)],
  ["an empty file", ""],
] as const)
  test(`the node starts over ${what}`, (t) => {
    const file = place(t);
    writeFileSync(file, content);
    const store = new Store(file, () => 7);
    assert.deepEqual(store.intents(), []);
    assert.equal(store.problems.length, content === "" ? 0 : 1);
    const aside = readdirSync(join(file, "..")).filter((name) => name.includes("aside"));
    assert.deepEqual(aside, content === "" ? [] : ["state.db.aside-7"]);
    store.saveIntents([["a", intent("a")]]);
    store.close();
  });

test("a file of a newer version is kept, not overwritten", (t) => {
  const file = place(t);
  new Store(file, () => 1).close();
  const raw = new DatabaseSync(file);
  raw.exec("PRAGMA user_version = 99");
  raw.close();
  const store = new Store(file, () => 2);
  assert.match(store.problems[0]?.text ?? "", /newer version/);
  store.close();
});

test("leases live as long as the run that gave them", (t) => {
  const file = place(t);
  const store = new Store(file, () => 1);
  store.saveLease("run1", { id: "l1", intent: intent("a") });
  store.saveLease("run1", { id: "l2", intent: intent("b") });
  store.dropLease("l2");
  assert.deepEqual(
    store.leases("run1").map((lease) => lease.id),
    ["l1"],
  );
  assert.deepEqual(store.leases("run2"), []);
  assert.deepEqual(store.leases("run1"), []);
  store.close();
});

test("blobs are found by hash, the least recently used go first, damaged ones are none", (t) => {
  const file = place(t);
  let now = 0;
  const store = new Store(file, () => (now += 1), 25);
  const [a, b, c] = ["a", "b", "c"].map((letter) => store.putBlob(letter.repeat(10)));
  assert.equal(store.blob(a ?? ""), undefined);
  assert.equal(store.blob(b ?? ""), "b".repeat(10));
  const raw = new DatabaseSync(file);
  raw.exec("UPDATE blobs SET text = 'x' WHERE text LIKE 'c%'");
  raw.close();
  assert.equal(store.blob(c ?? ""), undefined);
  store.close();
});

test("blobs in memory are bounded and read again from disk", () => {
  const disk = new Map<string, string>();
  let reads = 0;
  const blobs = new Blobs(
    {
      putBlob: (text) => {
        disk.set(sha256(text), text);
        return sha256(text);
      },
      blob: (hash) => {
        reads += 1;
        return disk.get(hash);
      },
    },
    20,
  );
  const hashes = ["a", "b", "c"].map((letter) => blobs.put(letter.repeat(10)));
  assert.equal(blobs.get(hashes[2] ?? "")?.[0], "c");
  assert.equal(reads, 0);
  assert.equal(blobs.get(hashes[0] ?? "")?.[0], "a");
  assert.equal(reads, 1);
});
