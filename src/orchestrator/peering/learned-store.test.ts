import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import type { Frame, Route, Routes } from "#routing";
import { nodeLoop } from "../../../test/kit/node-loop.ts";
import { ACCEPT_ALL, peering } from "../../../test/kit/peer-node.ts";
import { routeOf } from "../../../test/kit/routes.ts";
import { settle, VirtualClock } from "../../../test/kit/virtual-clock.ts";
import type { Standing } from "./driver.ts";
import { LearnedStore } from "./learned-store.ts";
import { encodeFrame, openFrameReader } from "./wire/frames.ts";

const PEER = "edge1.globex.test";
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
  const standing = (): Standing => ({
    place: { epoch: "e1", lastSeq: seq },
    routes: held.size,
    since: seq * 1_000,
  });
  const open = (spare?: number) => {
    const clock = new VirtualClock();
    const decode = reader.decodeFrame.bind(reader);
    const options = { file, clock, log: silent, view: loop.view, decode };
    const store = new LearnedStore(spare === undefined ? options : { ...options, spare });
    store.standingBy(standing);
    const say = (advertise: readonly Route[], gone: readonly string[] = []) => {
      const withdraw = gone.map((key) => ({ key, version: { epoch: 1, seq: 1 } }));
      const frame: Frame = { kind: "update", withdraw, advertise };
      const { bytes, rawBytes } = encodeFrame(frame, "zstd");
      const routes = advertise.length + gone.length;
      for (const route of advertise) held.set(route.key, route);
      for (const key of gone) held.delete(key);
      seq += 1;
      const told: Update = { kind: "update", withdraw, advertise, rejected: [] };
      store.told(PEER, told, { head: { seq, encoding: "zstd", rawBytes, routes }, bytes });
      step({ kind: "peer.told", peer: PEER, told });
    };
    return { store, say, write: async () => (await clock.advance(200), await settle()) };
  };
  const rows = (): number => {
    const db = new DatabaseSync(file);
    const { n } = db.prepare("SELECT sum(routes) AS n FROM frames").get() ?? {};
    db.close();
    return Number(n ?? 0);
  };
  return { file, open, rows, held, seqNow: () => seq, loop };
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
