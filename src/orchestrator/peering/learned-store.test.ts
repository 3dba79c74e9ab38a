import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import type { Frame, Route, Routes } from "#routing";
import { nodeLoop } from "../../../test/kit/node-loop.ts";
import { ACCEPT_ALL, peering } from "../../../test/kit/peer-node.ts";
import { routeOf } from "../../../test/kit/routes.ts";
import { settle, VirtualClock } from "../../../test/kit/virtual-clock.ts";
import type { Standing } from "./learned.ts";
import { LearnedStore } from "./learned-store.ts";
import { encodeFrame, openFrameReader } from "./wire/frames.ts";

const PEER = "edge1.globex.test";
const OTHER = "edge1.hooli.test";
const NOTHING = { routes: [], place: undefined, since: undefined };
const reader = await openFrameReader();
const silent = { debug() {}, info() {}, warn() {}, error() {} };
type Update = Extract<Routes, { kind: "update" }>;

function place(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "catalyst-learned-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "learned.db");
  const { loop, step } = nodeLoop();
  step({ kind: "rules.set", rules: { imports: ACCEPT_ALL, exports: [] } });
  step({ kind: "peer.set", peering: peering("edge1.acme.test", PEER) });
  const held = new Map<string, Route>();
  let seq = 0;
  /** Of a peer that is forgotten no place is known. */
  let known = true;
  const lose = (): void => {
    known = false;
    held.clear();
  };
  /** Nobody else told anything. */
  const standing = (node: string): Standing => ({
    place: known ? { epoch: "e1", lastSeq: seq } : undefined,
    routes: node === PEER ? held.size : 0,
    since: known ? seq * 1_000 : undefined,
  });
  const warned: string[] = [];
  const open = (spare?: number, at = file) => {
    const clock = new VirtualClock();
    const decode = reader.decodeFrame.bind(reader);
    const log = { ...silent, warn: (_: object, text: string) => void warned.push(text) };
    const options = { file: at, clock, log, view: loop.view, decode };
    const store = new LearnedStore(spare === undefined ? options : { ...options, spare });
    store.standingBy(standing);
    const say = (advertise: readonly Route[], gone: readonly string[] = []) => {
      const withdraw = gone.map((key) => ({ key, version: { epoch: 1, seq: 1 } }));
      const frame: Frame = { kind: "update", withdraw, advertise };
      const { encoding, bytes, rawBytes } = encodeFrame(frame, "zstd");
      const routes = advertise.length + gone.length;
      for (const route of advertise) held.set(route.key, route);
      for (const key of gone) held.delete(key);
      seq += 1;
      known = true;
      const told: Update = { kind: "update", withdraw, advertise, rejected: [] };
      store.told(PEER, told, { head: { seq, encoding, rawBytes, routes }, bytes });
      step({ kind: "peer.told", peer: PEER, told });
    };
    /** What is no more, without a frame that says so. */
    const sweep = (keys: readonly string[]): void => {
      for (const key of keys) held.delete(key);
      store.told(PEER, { kind: "swept", keys }, undefined);
    };
    return { store, say, sweep, clock, write: async () => (await clock.advance(200), await settle()) };
  };
  const rows = (): number => {
    const db = new DatabaseSync(file);
    const { n } = db.prepare("SELECT sum(routes) AS n FROM frames").get() ?? {};
    db.close();
    return Number(n ?? 0);
  };
  /** Where the words of a peer stand in the file. */
  const kept = (): unknown => {
    const db = new DatabaseSync(file);
    const found = db.prepare("SELECT seq FROM places").get()?.["seq"];
    db.close();
    return found;
  };
  const change = (sql: string): void => {
    const db = new DatabaseSync(file);
    db.exec(sql);
    db.close();
  };
  return {
    folder,
    file,
    open,
    rows,
    kept,
    change,
    warned,
    held,
    lose,
    seqNow: () => seq,
    moveOn: () => void (seq += 1),
    loop,
  };
}

const route = (at: number, cost = 0): Route =>
  routeOf(PEER, { key: `s${at}.globex.test`, cost, notAfter: 80_000_000 });

test("frames come back as one table with the place of the last one", async (t) => {
  const { open, held } = place(t);
  const first = open();
  first.say([route(1), route(2), route(3)]);
  first.say([route(2, 7)], ["s1.globex.test"]);
  await first.write();
  first.store.close();
  const second = open();
  const { routes, place: at, since } = second.store.restore(PEER);
  assert.deepEqual(new Map(routes.map((one) => [one.key, one])), held);
  assert.deepEqual([at, since], [{ epoch: "e1", lastSeq: 2 }, 2_000]);
  second.store.forget(PEER);
  await second.write();
  assert.deepEqual(second.store.restore(PEER), { routes: [], place: undefined, since: undefined });
  second.store.close();
});

test("the echo of an own word takes back what the peer had told of the name, as it did when it came", async (t) => {
  const { open, held } = place(t);
  const first = open();
  const echo = { ...route(1), nodePath: [PEER, nodeLoop().loop.view.node, "edge9.globex.test"] };
  first.say([route(1), route(2)]);
  first.say([echo]);
  held.delete(echo.key);
  await first.write();
  first.store.close();
  const second = open();
  const { routes, place: at } = second.store.restore(PEER);
  assert.deepEqual(
    routes.map(({ key }) => key),
    ["s2.globex.test"],
  );
  assert.equal(at?.lastSeq, 2);
  second.store.close();
});

test("rows that tell the same again and again are rewritten from the table, while more comes", async (t) => {
  const { open, rows, held, seqNow } = place(t);
  const first = open(200);
  const all = Array.from({ length: 700 }, (_, at) => route(at));
  first.say(all.slice(0, 400));
  first.say(all.slice(400));
  for (let cost = 1; cost < 30; cost++) {
    first.say(all.slice(0, 100).map((one) => ({ ...one, cost })));
    await first.write();
    // Between two slices.
    first.say([route(3, 100 + cost)], cost === 29 ? ["s9.globex.test"] : []);
  }
  await first.write();
  await first.write();
  assert.ok(rows() <= 2 * 700 + 200 + 702, `${rows()} routes in rows`);
  first.store.close();
  const second = open();
  const { routes, place: at } = second.store.restore(PEER);
  const costs = new Map(routes.map(({ key, cost }) => [key, cost]));
  assert.deepEqual(costs, new Map([...held].map(([key, { cost }]) => [key, cost])));
  assert.deepEqual(at?.lastSeq, seqNow());
  second.store.close();
});

test("a damaged row takes all of its peer along, and a missing one the place", async (t) => {
  const { open, file } = place(t);
  const first = open();
  first.say([route(1)]);
  first.say([route(2)]);
  await first.write();
  first.store.close();
  const db = new DatabaseSync(file);
  db.exec("DELETE FROM frames WHERE id = 1");
  const second = open();
  const kept = second.store.restore(PEER);
  assert.deepEqual([kept.routes.length, kept.place], [1, undefined]);
  second.store.close();
  db.exec("UPDATE frames SET sum = sum + 1");
  db.close();
  const third = open();
  assert.deepEqual(third.store.restore(PEER), { routes: [], place: undefined, since: undefined });
  third.store.close();
});

/** Keys of what is restored, in order. */
const keysOf = ({ routes }: { readonly routes: readonly Route[] }): string[] =>
  routes.map(({ key }) => key).sort();

test("what is swept does not come back, however much it is", async (t) => {
  const { open, warned } = place(t);
  const first = open();
  const all = Array.from({ length: 1_200 }, (_, at) => route(at));
  for (let at = 0; at < all.length; at += 400) first.say(all.slice(at, at + 400));
  first.sweep(all.slice(1).map(({ key }) => key));
  first.store.close();
  const second = open();
  assert.deepEqual([keysOf(second.store.restore(PEER)), warned], [["s0.globex.test"], []]);
  second.store.close();
});

test("every word moves the place; what waits to be written counts, and what is forgotten meanwhile does not", async (t) => {
  const { open, kept, lose, seqNow, moveOn } = place(t);
  const { store, say, write } = open();
  say([route(1)]);
  assert.deepEqual(
    [keysOf(store.restore(PEER)), store.restore(PEER).place?.lastSeq],
    [["s1.globex.test"], 1],
  );
  say([]);
  store.restore(PEER);
  // Told, with nothing to keep of it but the place.
  moveOn();
  store.told(PEER, { kind: "stale" }, undefined);
  await write();
  assert.equal(kept(), seqNow());
  assert.deepEqual([store.restore(PEER).place?.lastSeq, store.restore(PEER).since], [3, 3_000]);
  say([route(2)]);
  store.forget(PEER);
  lose();
  assert.deepEqual(store.restore(PEER), NOTHING);
  say([route(3)]);
  await write();
  say([route(4)]);
  await write();
  assert.deepEqual(keysOf(store.restore(PEER)), ["s3.globex.test", "s4.globex.test"]);
  store.told(PEER, { kind: "gone" }, undefined);
  lose();
  assert.deepEqual(store.restore(PEER), NOTHING);
  store.close();
});

test("of peers that are none any more nothing is kept, not even where an empty table stood", async (t) => {
  const { open, rows } = place(t);
  const first = open();
  first.say([route(1)]);
  first.store.told(OTHER, { kind: "stale" }, undefined);
  first.store.keepOnly(new Set([PEER, OTHER]));
  await first.write();
  assert.equal(first.store.restore(OTHER).place?.epoch, "e1");
  first.store.keepOnly(new Set([PEER]));
  assert.deepEqual([first.store.restore(OTHER), rows()], [NOTHING, 1]);
  first.store.keepOnly(new Set());
  assert.deepEqual([first.store.restore(PEER), rows()], [NOTHING, 0]);
  first.store.close();
});

test("a peer that is forgotten while its rows are rewritten is forgotten, and what it tells then is kept", async (t) => {
  const { open, rows, lose } = place(t);
  const { store, say, clock } = open(0);
  const all = Array.from({ length: 700 }, (_, at) => route(at));
  for (let round = 0; round < 4; round++) {
    say(all.slice(0, 400));
    say(all.slice(400));
  }
  // Writes; the first slice is made, the second one waits for its turn.
  store.restore(PEER);
  store.forget(PEER);
  lose();
  // Told anew: nothing of the rewrite comes behind it, and none of it is swept away.
  say([route(1)]);
  await settle();
  await clock.advance(200);
  assert.deepEqual([keysOf(store.restore(PEER)), rows()], [["s1.globex.test"], 1]);
  store.close();
});

test("rows that were there before the start count when it is time to rewrite them", async (t) => {
  const { open, rows } = place(t);
  const first = open();
  for (let cost = 0; cost < 20; cost++) first.say([route(1, cost)]);
  await first.write();
  assert.equal(rows(), 20);
  first.store.close();
  const second = open(10);
  second.store.restore(PEER);
  second.say([route(1, 99)]);
  second.store.restore(PEER);
  // New rows are on disk before the old ones go: a process may end between the two.
  assert.equal(rows(), 1);
  assert.deepEqual(second.store.restore(PEER).routes[0]?.cost, 99);
  second.store.close();
});

test("routes that are large are rewritten in as many frames as can be read again", async (t) => {
  const { open, rows, held, warned } = place(t);
  const first = open(0);
  const labels = Object.fromEntries(["a", "b", "c", "d"].map((name) => [name, "x".repeat(250)]));
  const all = Array.from({ length: 400 }, (_, at) => ({
    ...route(at),
    attributes: { health: "up" as const, labels },
  }));
  for (let round = 0; round < 4; round++)
    for (let at = 0; at < all.length; at += 100) first.say(all.slice(at, at + 100));
  await first.write();
  await first.write();
  assert.equal(rows(), 400);
  first.store.close();
  const second = open();
  assert.deepEqual([second.store.restore(PEER).routes.length, warned], [held.size, []]);
  second.store.close();
});

test("what waits is bounded in bytes, and written early beyond it", async (t) => {
  const { open, rows } = place(t);
  const { store, clock, say, write } = open();
  const bytes = new Uint8Array(3 * 1024 * 1024);
  const large = (): void => {
    const head = { seq: 1, encoding: "identity", rawBytes: bytes.byteLength, routes: 1 } as const;
    store.told(PEER, { kind: "update", withdraw: [], advertise: [], rejected: [] }, { head, bytes });
  };
  large();
  assert.equal(rows(), 0);
  large();
  assert.deepEqual([rows(), clock.waiting], [2, []]);
  say([route(1)]);
  assert.equal(rows(), 2, "what was written waits no more");
  await write();
  assert.equal(rows(), 3);
  store.close();
  store.told(PEER, { kind: "stale" }, undefined);
  assert.deepEqual(clock.waiting, [], "after the end nothing is told");
});

test("a row that reads as something else takes all of its peer along, and not only for now", async (t) => {
  const { open, change, rows, warned } = place(t);
  const first = open();
  first.say([route(1)]);
  first.say([route(2)]);
  first.store.close();
  change("UPDATE frames SET encoding = 'deflate' WHERE id = 1");
  const second = open();
  assert.deepEqual(second.store.restore(PEER), NOTHING);
  assert.match(warned.join(), /is damaged/);
  await second.write();
  assert.equal(rows(), 0);
  second.store.close();
});

test("a file that breaks under it begins anew, and goes on", async (t) => {
  const { open, change, rows, held, warned } = place(t);
  const { store, say, write } = open();
  say([route(1)]);
  await write();
  change("DROP TABLE frames");
  assert.deepEqual(store.restore(PEER), NOTHING);
  assert.match(warned.join(), /cannot be read/);
  await write();
  assert.match(warned.join(), /the cache begins anew/);
  held.clear();
  say([route(2)]);
  await write();
  assert.deepEqual([keysOf(store.restore(PEER)), rows()], [["s2.globex.test"], 1]);
  store.close();
});

test("its file is the owner's alone, of this version, and memory serves where there can be none", async (t) => {
  const { folder, file, open, change, warned } = place(t);
  const first = open();
  first.say([route(1)]);
  first.store.close();
  assert.equal(statSync(file).mode & 0o777, 0o600);
  change("PRAGMA user_version = 1");
  const second = open();
  assert.deepEqual(second.store.restore(PEER), NOTHING);
  second.store.close();
  const nowhere = open(undefined, join(folder, "no-folder", "learned.db"));
  assert.match(warned.join(), /kept in memory only/);
  nowhere.say([route(2)]);
  assert.deepEqual(keysOf(nowhere.store.restore(PEER)), ["s2.globex.test"]);
  nowhere.store.close();
});
