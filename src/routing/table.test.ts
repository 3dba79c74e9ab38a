import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { routeOf, SELF, termsOf } from "../../test/kit/routes.ts";
import type { Verdict } from "./import-policy.ts";
import type { Route } from "./route.ts";
import { RouteTable } from "./table.ts";

const KEY = "reviews.hooli.test";
const [ONE, TWO, THREE] = ["edge1.globex.test", "edge2.globex.test", "edge1.initech.test"];
const ACCEPT: Verdict = { accept: true, reason: "accepted" };

function tableOf(...nodes: string[]): RouteTable {
  const table = new RouteTable(SELF.organization);
  for (const node of nodes) table.apply({ kind: "peer.set", terms: termsOf(node) });
  return table;
}

function learn(table: RouteTable, peer: string, some: Partial<Route> = {}, verdict = ACCEPT): void {
  const route = routeOf(peer, { key: KEY, origin: "edge1.hooli.test", ...some });
  table.apply({ kind: "route.learn", peer, route, verdict });
}

const best = (table: RouteTable, key = KEY) => table.best(key)?.map(({ peerName }) => peerName);

describe("failover", () => {
  test("alternate-takes-over: the held alternate is best at once when the best leaves", () => {
    const table = tableOf(ONE, TWO);
    learn(table, ONE);
    learn(table, TWO, { cost: 1 });
    assert.deepEqual(best(table), [ONE, TWO]);
    table.seal();
    table.apply({ kind: "route.unlearn", peer: ONE, key: KEY });
    const { routes } = table.seal();
    assert.deepEqual(
      routes.get(KEY)?.before?.map(({ peerName }) => peerName),
      [ONE, TWO],
    );
    assert.deepEqual(best(table), [TWO]);
  });

  test("withdraw-by-non-best: a withdraw takes only that peer's path", () => {
    const table = tableOf(ONE, TWO);
    learn(table, ONE);
    learn(table, TWO, { cost: 1 });
    table.apply({ kind: "route.unlearn", peer: TWO, key: KEY });
    table.apply({ kind: "route.unlearn", peer: THREE, key: KEY });
    assert.deepEqual(best(table), [ONE]);
  });

  test("a way that is found dead loses, after its walk, without a word of the peer", () => {
    const table = tableOf(ONE, TWO);
    learn(table, ONE);
    learn(table, TWO, { cost: 1 });
    table.apply({ kind: "peer.set", terms: termsOf(ONE, { reach: "down" }) });
    assert.ok(table.received(ONE)?.cursor);
    table.apply({ kind: "route.walk", peer: ONE, most: 5_000 });
    assert.deepEqual(best(table), [TWO, ONE]);
    assert.equal(table.received(ONE)?.cursor, undefined);
  });
});

describe("a lost session", () => {
  test("makes all paths stale at once; confirmed ones are no change, the rest is swept", () => {
    const table = tableOf(ONE, TWO);
    for (const key of ["a.hooli.test", "b.hooli.test", "c.hooli.test"]) learn(table, ONE, { key });
    learn(table, TWO, { key: "b.hooli.test", cost: 1 });
    table.seal();
    table.apply({ kind: "peer.set", terms: termsOf(ONE, { generation: 1 }) });
    table.apply({ kind: "route.walk", peer: ONE, most: 5_000 });
    assert.deepEqual(best(table, "b.hooli.test"), [TWO, ONE]);
    assert.deepEqual(best(table, "a.hooli.test"), [ONE]);
    table.seal();
    learn(table, ONE, { key: "b.hooli.test" });
    assert.deepEqual(best(table, "b.hooli.test"), [ONE, TWO]);
    learn(table, ONE, { key: "c.hooli.test" });
    table.apply({ kind: "route.sweep", peer: ONE, most: 5_000 });
    assert.deepEqual([...table.keys()].sort(), ["b.hooli.test", "c.hooli.test"]);
    // The confirmed path without an alternate did not flap.
    assert.deepEqual([...table.seal().routes.keys()].sort(), ["a.hooli.test", "b.hooli.test"]);
  });

  test("with onLoss keep the paths hold their place until they are stale for long", () => {
    const table = tableOf(ONE, TWO);
    learn(table, ONE);
    learn(table, TWO, { cost: 1 });
    const set = (longStale: boolean) => {
      const terms = termsOf(ONE, { generation: 1, onLoss: "keep", longStale });
      table.apply({ kind: "peer.set", terms });
      table.apply({ kind: "route.walk", peer: ONE, most: 5_000 });
      return best(table);
    };
    assert.deepEqual(set(false), [ONE, TWO]);
    assert.deepEqual(set(true), [TWO, ONE]);
  });

  test("is swept in slices", () => {
    const table = tableOf(ONE);
    for (let i = 0; i < 10; i++) learn(table, ONE, { key: `s${i}.hooli.test` });
    table.apply({ kind: "peer.set", terms: termsOf(ONE, { generation: 1 }) });
    table.apply({ kind: "route.sweep", peer: ONE, most: 4 });
    assert.equal(table.names, 6);
  });
});

test("a walk whose slice was judged anew ends where the slice ended", () => {
  const table = tableOf(ONE);
  for (let i = 0; i < 6; i++) learn(table, ONE, { key: `s${i}.hooli.test` });
  table.apply({ kind: "peer.set", terms: termsOf(ONE, { policy: "other" }) });
  const denied: Verdict = { accept: false, reason: "import-denied", rule: "r" };
  for (const i of [0, 1, 2])
    table.apply({ kind: "route.judge", peer: ONE, key: `s${i}.hooli.test`, verdict: denied });
  table.apply({ kind: "route.walk", peer: ONE, most: 3 });
  assert.equal(table.received(ONE)?.cursor?.key, "s3.hooli.test");
  assert.equal(best(table, "s0.hooli.test"), undefined);
  assert.equal(table.candidates("s0.hooli.test").length, 1);
});

test("a name keeps the best and three alternates", () => {
  const peers = [1, 2, 3, 4, 5, 6].map((i) => `edge${i}.globex.test`);
  const table = tableOf(...peers);
  peers.toReversed().forEach((peer) => learn(table, peer));
  assert.deepEqual(best(table), peers.slice(0, 4));
  assert.equal(table.candidates(KEY).length, 6);
});

describe("tombstones", () => {
  const bury = (seq: number, at = 0) =>
    ({
      kind: "route.bury",
      stone: { key: KEY, origin: "edge1.hooli.test", version: { epoch: 1, seq }, at },
    }) as const;

  test("kill every older path at once, whoever told it, and nothing newer or of another origin", () => {
    const table = tableOf(ONE, TWO, THREE);
    learn(table, ONE, { version: { epoch: 1, seq: 5 } });
    learn(table, TWO, { version: { epoch: 1, seq: 7 } });
    learn(table, THREE, { origin: "edge2.hooli.test" });
    table.apply(bury(5));
    assert.deepEqual(best(table)?.sort(), [THREE, TWO].sort());
    assert.ok(table.tombstones.kills(KEY, "edge1.hooli.test", { epoch: 1, seq: 5 }));
    assert.ok(!table.tombstones.kills(KEY, "edge1.hooli.test", { epoch: 2, seq: 0 }));
    table.apply(bury(4));
    assert.equal(table.tombstones.get(KEY, "edge1.hooli.test")?.version.seq, 5);
  });

  test("are bounded in number, the oldest go first, and in age", () => {
    const table = new RouteTable(SELF.organization, 2);
    for (const [at, origin] of [
      [0, "x"],
      [1, "y"],
      [2, "z"],
    ] as const) {
      table.apply({ kind: "route.bury", stone: { key: KEY, origin, version: { epoch: 1, seq: 1 }, at } });
    }
    assert.equal(table.tombstones.size, 2);
    assert.equal(table.tombstones.get(KEY, "x"), undefined);
    assert.deepEqual(
      [...table.tombstones.ended(3_600_001)].map(({ origin }) => origin),
      ["y"],
    );
  });
});

test("paths are found by the end of their lease, renewed ones only once", () => {
  const table = tableOf(ONE);
  for (let i = 0; i < 50; i++) learn(table, ONE, { notAfter: 100 + i, version: { epoch: 1, seq: i } });
  learn(table, ONE, { key: "b.hooli.test", notAfter: 120 });
  assert.deepEqual(table.ending(119), []);
  assert.deepEqual(
    table
      .ending(149)
      .map(({ key }) => key)
      .sort(),
    ["b.hooli.test", KEY],
  );
});
