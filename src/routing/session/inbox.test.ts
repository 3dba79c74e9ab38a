import assert from "node:assert/strict";
import { test } from "node:test";
import { routeOf, SELF } from "../../../test/kit/routes.ts";
import { Digest, rowOf } from "../digest.ts";
import type { Route } from "../route.ts";
import { Inbox } from "./inbox.ts";
import type { Open } from "./message.ts";

const PEER = "edge2.acme.test";
const LIMITS = { routes: 100, rate: 1_000, bytes: 1 << 20, pathLength: 16 };
const open: Open = {
  versions: [1, 1],
  node: PEER,
  organization: "acme.test",
  incarnation: "one",
  role: "internal",
  holdMs: 9_000,
  sendHoldMs: 18_000,
  encodings: ["identity"],
  epoch: "e",
  limits: LIMITS,
  capabilities: {},
};
const route = (name: string, ...via: string[]) =>
  routeOf(PEER, { key: `${name}.acme.test`, origin: "far.acme.test", via });

/** One that is being told everything. */
function begun() {
  const inbox = new Inbox(SELF.node, LIMITS);
  inbox.open(open, false, 0);
  let seq = 0;
  const take = (frame: Parameters<Inbox["take"]>[1]) => {
    const taken = inbox.take((seq += 1), frame, 0);
    assert.ok(taken.ok);
    return taken;
  };
  const update = (...advertise: Route[]) => {
    const [told] = take({ kind: "update", withdraw: [], advertise }).told;
    assert.ok(told?.kind === "update");
    return { gone: told.withdraw.map(({ key }) => key), told: told.advertise.map(({ key }) => key) };
  };
  const end = (...routes: Route[]) => {
    const digest = new Digest();
    for (const one of routes) digest.add(rowOf(one));
    return take({ kind: "end", generation: 1, count: routes.length, digest: digest.sum() });
  };
  take({ kind: "begin", generation: 1, buckets: "all" });
  return { inbox, update, end };
}

test("the echo of an own word says that there is nothing, and is in no sum", () => {
  const { inbox, update, end } = begun();
  const [a, b] = [route("a"), route("b")];
  assert.deepEqual(update(a, b), { gone: [], told: ["a.acme.test", "b.acme.test"] });
  // Never told before; told before; and again.
  assert.deepEqual(update(route("c", SELF.node), route("a", SELF.node)), { gone: ["a.acme.test"], told: [] });
  assert.deepEqual(update(route("a", SELF.node)), { gone: [], told: [] });
  assert.equal(inbox.routes, 1);
  assert.deepEqual(end(b), { ok: true, told: [{ kind: "whole" }], done: true });
});

test("a path through this node that the peer did not learn from it is told, for the route's own check", () => {
  const { update, end } = begun();
  const loop = route("a", "edge3.acme.test", SELF.node);
  assert.deepEqual(update(loop), { gone: [], told: ["a.acme.test"] });
  assert.equal(end(loop).done, true);
});

test("a claim without a path is one like any other", () => {
  const { update } = begun();
  const claim = { ...route("a"), nodePath: 7 } as unknown as Route;
  assert.deepEqual(update(claim), { gone: [], told: ["a.acme.test"] });
});
