import assert from "node:assert/strict";
import { test } from "node:test";
import { routeOf } from "../../test/kit/routes.ts";
import { detailsOf } from "./details.ts";
import { BUCKETS, Digest, rowOf } from "./digest.ts";
import type { Route } from "./route.ts";

const PEER = "edge1.globex.test";
const base = routeOf(PEER, { key: "a.globex.test", communities: ["globex.test:x"] });

test("every member of a route counts, whatever was summed before", () => {
  const others: readonly Partial<Route>[] = [
    { key: "b.globex.test" },
    { protocol: "tcp" },
    { origin: "edge2.globex.test" },
    { version: { epoch: 2, seq: 1 } },
    { version: { epoch: 1, seq: 2 } },
    { orgPath: ["initech.test"] },
    { nodePath: [PEER, "edge2.globex.test"] },
    { nextHop: "edge2.globex.test" },
    { nextHopAddress: "x:1" },
    { scope: "direct" },
    { onlyToCustomer: "globex.test" },
    { cost: 1 },
    { localPreference: 1 },
    { notAfter: 1 },
    { health: "down" },
    { details: detailsOf({}) },
    { details: detailsOf({ region: "x" }) },
    { details: detailsOf({ labels: { a: "b" } }) },
  ];
  const text = (route: Route) => JSON.stringify(rowOf(route));
  const rows = new Set(others.map((other) => text({ ...base, ...other })));
  rows.add(text(base));
  assert.equal(rows.size, others.length + 1);
  assert.equal(text(base), text(structuredClone(base)));
  // A member that version 1 does not know is none.
  assert.equal(text({ ...base, later: 1 } as Route), text(base));
});

test("a claim with wrong members is summed, not thrown at", () => {
  for (const wrong of [
    { version: 7 },
    { details: null },
    { details: [[]] },
    { orgPath: "x" },
    { nodePath: null },
    { cost: {} },
  ]) {
    assert.ok(rowOf({ ...base, ...wrong } as unknown as Route));
    assert.ok(rowOf({ key: "a", ...wrong } as unknown as Route));
  }
});

test("sums do not depend on order, and differences name their buckets", () => {
  const routes = Array.from({ length: 300 }, (_, at) => ({ ...base, key: `s${at}.globex.test` }));
  const [one, two] = [new Digest(), new Digest()];
  for (const route of routes) one.add(rowOf(route));
  for (const route of routes.toReversed()) two.add(rowOf(route));
  assert.equal(one.sums().length, BUCKETS);
  assert.deepEqual(one.differ(two.sums()), []);
  const lost = rowOf(routes[7] ?? base);
  two.remove(lost);
  assert.deepEqual(one.differ(two.sums()), [lost.bucket]);
  assert.equal(two.count([lost.bucket]), one.count([lost.bucket]) - 1);
  const alone = new Digest();
  alone.add(lost);
  assert.deepEqual(one.without(alone).sums(), two.sums());
  assert.equal(one.without(alone).sum(), two.sum());
});
