import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Event, PeerIntent, Route, Rule } from "#routing";
import { full, intent, NODE, nodeLoop } from "../../../test/kit/node-loop.ts";
import { routeOf } from "../../../test/kit/routes.ts";

const GLOBEX = "edge1.globex.test";
const INSIDE = "edge2.acme.catalyst.internal";
const KEY = "reviews.globex.test";
const LIMITS = { routes: 1_000, rate: 1_000, bytes: 1 << 20, pathLength: 16 };
const ALL: Rule = { match: { key: "*.globex.test" }, action: "accept" };

type Routes = Extract<Event, { kind: "peer.told" }>["told"];

function node(rules: readonly Rule[] = [ALL], some: Partial<PeerIntent> = {}) {
  const { loop, step, refusal, wants } = nodeLoop();
  const external: PeerIntent = {
    node: GLOBEX,
    organization: "globex.test",
    kind: "external",
    role: "lateral",
    onLoss: "depreference",
    limits: LIMITS,
    ...some,
  };
  const internal: PeerIntent = {
    ...external,
    node: INSIDE,
    organization: "acme.catalyst.internal",
    kind: "internal",
    role: "internal",
  };
  step({ kind: "rules.set", rules: { imports: rules, exports: [] } });
  for (const peering of [external, internal]) step({ kind: "peer.set", peering });
  const { routes } = loop.view;
  const tell = (told: Routes, peer = GLOBEX) => step({ kind: "peer.told", peer, told });
  const advertise = (...list: (Partial<Route> & { key: string })[]) =>
    tell({
      kind: "update",
      withdraw: [],
      rejected: [],
      advertise: list.map((one) => JSON.parse(JSON.stringify(routeOf(GLOBEX, one))) as Route),
    });
  /** What the runner of the walk does, until there is nothing left to walk. */
  const walk = () => {
    let slices = 0;
    for (const peer of [GLOBEX, INSIDE]) {
      for (; wants("route.walk")[peer] !== undefined && slices < 100; slices++)
        step({ kind: "peer.walk", peer });
    }
    return slices;
  };
  const best = (key = KEY) => routes.best(key)?.map(({ peerName }) => peerName);
  return { loop, routes, step, refusal, tell, advertise, walk, best, external, internal };
}

describe("what a peer tells", () => {
  test("is learned as the rules say, and taken back by the peer only", () => {
    const { advertise, best, tell, routes } = node();
    advertise({ key: KEY }, { key: "b.globex.test", scope: "organization" });
    assert.deepEqual(best(), [GLOBEX]);
    assert.equal(routes.path(GLOBEX, "b.globex.test")?.reason, "scope");
    const withdraw = [{ key: KEY, version: { epoch: 1, seq: 2 } }];
    tell({ kind: "update", withdraw, advertise: [], rejected: [] }, INSIDE);
    assert.deepEqual(best(), [GLOBEX]);
    tell({ kind: "update", withdraw, advertise: [], rejected: [] });
    assert.equal(best(), undefined);
  });

  test("bad-route-alone: one bad route is dropped with its reason, and what was told of its name before", () => {
    const { advertise, best, routes } = node();
    advertise({ key: KEY }, { key: "a.globex.test" });
    advertise({ key: KEY, cost: -1 }, { key: "products.acme.catalyst.internal" }, { key: "c.globex.test" });
    assert.deepEqual([best(), best("a.globex.test"), best("c.globex.test")], [undefined, [GLOBEX], [GLOBEX]]);
    assert.deepEqual(
      routes.received(GLOBEX)?.rejected.map(({ key, reason }) => [key, reason]),
      [
        [KEY, "malformed"],
        ["products.acme.catalyst.internal", "origin-forged"],
      ],
    );
  });

  test("nothing from a stranger", () => {
    const { refusal } = node();
    const told = { kind: "whole" } as const;
    assert.equal(refusal({ kind: "peer.told", peer: "edge1.hooli.test", told })?.code, "ERR_NOT_FOUND");
    assert.equal(refusal({ kind: "peer.told", peer: NODE, told })?.code, "ERR_NOT_FOUND");
  });

  test("a preference of another organization counts nothing", () => {
    const { advertise, routes } = node();
    advertise({ key: KEY, localPreference: 999_999 });
    assert.equal(routes.path(GLOBEX, KEY)?.localPreference, 200);
  });

  test("a tombstone inside the organization kills every older path, from outside only the peer's own", () => {
    const { advertise, tell, routes } = node();
    advertise({ key: KEY });
    const inside = routeOf(INSIDE, { key: KEY, origin: GLOBEX });
    const update = { kind: "update", withdraw: [], rejected: [] } as const;
    tell({ ...update, advertise: [inside] }, INSIDE);
    const withdraw = [{ key: KEY, version: { epoch: 1, seq: 1 }, tombstone: true }] as const;
    tell({ ...update, withdraw, advertise: [] });
    assert.deepEqual(
      routes.candidates(KEY).map(({ peerName }) => peerName),
      [INSIDE],
    );
    advertise({ key: KEY });
    tell({ ...update, withdraw, advertise: [] }, INSIDE);
    assert.deepEqual(routes.candidates(KEY), []);
    advertise({ key: KEY });
    assert.equal(routes.received(GLOBEX)?.rejected.at(-1)?.reason, "buried");
    advertise({ key: KEY, version: { epoch: 1, seq: 2 } });
    assert.equal(routes.candidates(KEY).length, 1);
  });
});

describe("a lost session", () => {
  test("leaves its paths, marked; what is told again is no change, the rest goes with the end mark", () => {
    const { advertise, best, tell, walk, routes, step } = node();
    advertise({ key: KEY }, { key: "b.globex.test" });
    tell({ kind: "stale" });
    walk();
    assert.ok(routes.path(GLOBEX, KEY)?.stale);
    assert.deepEqual(best(), [GLOBEX]);
    const again = {
      kind: "peer.told",
      peer: GLOBEX,
      told: { kind: "update", withdraw: [], rejected: [], advertise: [routeOf(GLOBEX, { key: KEY })] },
    } as const;
    assert.equal(step(again).commit?.changes.routes.size ?? 0, 0);
    tell({ kind: "whole" });
    walk();
    assert.deepEqual([best(), best("b.globex.test")], [[GLOBEX], undefined]);
  });

  test("that goes on where it stood confirms everything at once", () => {
    const { advertise, tell, walk, routes } = node();
    advertise({ key: KEY });
    tell({ kind: "stale" });
    tell({ kind: "longStale" });
    tell({ kind: "confirmed" });
    walk();
    assert.equal(routes.path(GLOBEX, KEY)?.staleness, 0);
  });

  test("with onLoss withdraw hides its paths until they are confirmed", () => {
    const { advertise, best, tell, walk } = node([ALL], { onLoss: "withdraw" });
    advertise({ key: KEY });
    tell({ kind: "stale" });
    walk();
    assert.equal(best(), undefined);
    tell({ kind: "confirmed" });
    walk();
    assert.deepEqual(best(), [GLOBEX]);
  });

  test("that does not come back is swept in slices", () => {
    const { advertise, tell, walk, routes } = node();
    for (let i = 0; i < 12; i++)
      advertise(...Array.from({ length: 500 }, (_, n) => ({ key: `s${i * 500 + n}.globex.test` })));
    assert.equal(routes.names, 6_000);
    tell({ kind: "gone" });
    assert.equal(routes.names, 1_000);
    assert.ok(walk() >= 1);
    assert.equal(routes.names, 0);
  });
});

test("other rules are applied to what was told before, without asking the peer, and back", () => {
  const { advertise, best, step, walk } = node([]);
  advertise({ key: KEY });
  assert.equal(best(), undefined);
  step({ kind: "rules.set", rules: { imports: [ALL], exports: [] } });
  walk();
  assert.deepEqual(best(), [GLOBEX]);
  step({ kind: "rules.set", rules: { imports: [], exports: [] } });
  walk();
  assert.equal(best(), undefined);
});

test("the walk runs by itself, slice after slice, and ends", async () => {
  const { loop } = nodeLoop({ effects: true });
  const peering: PeerIntent = {
    node: GLOBEX,
    organization: "globex.test",
    kind: "external",
    role: "lateral",
    onLoss: "depreference",
    limits: LIMITS,
  };
  await loop.submit({ kind: "peer.set", at: 1, peering });
  for (let i = 0; i < 22; i++) {
    const advertise = Array.from({ length: 500 }, (_, n) =>
      routeOf(GLOBEX, { key: `s${i * 500 + n}.globex.test` }),
    );
    await loop.submit({
      kind: "peer.told",
      at: 1,
      peer: GLOBEX,
      told: { kind: "update", withdraw: [], rejected: [], advertise },
    });
  }
  const accepted = () =>
    [...loop.view.routes.keys()].filter((key) => loop.view.routes.best(key) !== undefined).length;
  assert.deepEqual([loop.view.routes.names, accepted()], [11_000, 0]);
  await loop.submit({ kind: "rules.set", at: 1, rules: { imports: [ALL], exports: [] } });
  while (loop.view.routes.received(GLOBEX)?.cursor !== undefined) await new Promise(setImmediate);
  assert.equal(accepted(), 11_000);
  await loop.idle();
  assert.deepEqual(
    [...loop.effects.desired()].filter(({ kind }) => kind === "route.walk"),
    [],
  );
  await loop.stop();
});

test("a way found dead loses to another at once", () => {
  const { advertise, tell, best, step, walk } = node();
  advertise({ key: KEY });
  tell(
    {
      kind: "update",
      withdraw: [],
      rejected: [],
      advertise: [routeOf(INSIDE, { key: KEY, origin: GLOBEX, localPreference: 200, cost: 1 })],
    },
    INSIDE,
  );
  assert.deepEqual(best(), [GLOBEX, INSIDE]);
  step({ kind: "peer.reach", peer: GLOBEX, reach: "down" });
  walk();
  assert.deepEqual(best(), [INSIDE, GLOBEX]);
});

test("a peer must be what it is called, and goes with all it told", () => {
  const { refusal, external, internal, advertise, step, routes } = node();
  const wrong: readonly PeerIntent[] = [
    { ...external, node: NODE },
    { ...external, organization: "hooli.test" },
    { ...external, kind: "internal" },
    { ...internal, role: "customer" },
  ];
  for (const peering of wrong)
    assert.equal(refusal({ kind: "peer.set", peering })?.code, "ERR_INVALID_ARGUMENT");
  advertise({ key: KEY });
  const { commit } = step({ kind: "peer.remove", peer: GLOBEX });
  assert.deepEqual([...(commit?.changes.routes.keys() ?? [])], [KEY]);
  assert.ok(commit?.changes.peers.get(GLOBEX)?.before);
  assert.equal(routes.received(GLOBEX), undefined);
  assert.equal(refusal({ kind: "peer.remove", peer: GLOBEX })?.code, "ERR_NOT_FOUND");
});

describe("time", () => {
  test("no path is used past its lease", () => {
    const { advertise, best, step } = node();
    advertise({ key: KEY, notAfter: 50_000 });
    step({ kind: "tick", at: 49_999 });
    assert.deepEqual(best(), [GLOBEX]);
    step({ kind: "tick", at: 50_000 });
    assert.equal(best(), undefined);
  });

  test("own services are routes, first of all, renewed before their lease ends", () => {
    const { routes, step } = node();
    step({ kind: "service.add", intent: intent("products") });
    const key = full("products");
    const own = () => routes.best(key)?.[0];
    const first = own();
    assert.deepEqual([first?.peerName, first?.version.seq, first?.organizations], [NODE, first?.seq, 0]);
    const { commit } = step({ kind: "tick", at: (first?.notAfter ?? 0) - 60_000_000 });
    assert.equal(commit?.changes.routes.size ?? 0, 0);
    step({ kind: "tick", at: (first?.notAfter ?? 0) - 50_000_000 });
    assert.ok((own()?.seq ?? 0) > (first?.seq ?? 0) && (own()?.notAfter ?? 0) > (first?.notAfter ?? 0));
    step({ kind: "service.remove", name: "products", owner: "admin" });
    assert.equal(own(), undefined);
  });
});
