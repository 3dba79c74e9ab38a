import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Input } from "#kernel";
import type { Event, PeerIntent, PeerRole, Rule } from "#routing";
import { full, intent, NODE, nodeLoop, probed } from "../../../test/kit/node-loop.ts";
import { routeOf } from "../../../test/kit/routes.ts";
import { Exports } from "./exports.ts";

const GLOBEX = "edge1.globex.test";
const HOOLI = "edge1.hooli.test";
const INSIDE = "edge2.acme.catalyst.internal";
const KEY = full("products");

const peerOf = (node: string, role: PeerRole = "lateral"): PeerIntent => ({
  node,
  organization: node.slice(node.indexOf(".") + 1),
  kind: role === "internal" ? "internal" : "external",
  role,
  onLoss: "depreference",
  limits: { routes: 1_000, rate: 1_000, bytes: 1 << 20, pathLength: 16 },
});

function node() {
  const { loop, step } = nodeLoop();
  const self = { node: NODE, organization: "acme.catalyst.internal", address: "127.0.0.1:10443" };
  const exports = new Exports(self, loop.view);
  const act = (...events: readonly Input<Event>[]) => {
    const { commit } = step(...events);
    return commit !== undefined && exports.follow(commit);
  };
  const rules = (...list: readonly Rule[]) =>
    act({ kind: "rules.set", rules: { imports: [], exports: list } });
  const to = (key = KEY) => exports.to(loop.view.routes.best(key));
  for (const peer of [peerOf(GLOBEX), peerOf(HOOLI), peerOf(INSIDE, "internal")]) {
    act({ kind: "peer.set", peering: peer });
  }
  return { loop, exports, act, rules, to };
}

describe("exports", () => {
  test("a service that is offered goes to direct peers, and changes no policy", () => {
    const { act, exports, to } = node();
    const before = [...exports.policies()];
    assert.equal(act({ kind: "service.add", intent: intent(KEY) }), false);
    act(probed("products", "http://127.0.0.1:5001", true));
    assert.deepEqual(to(), [INSIDE]);
    act({ kind: "service.add", intent: intent(KEY, { export: true }) });
    assert.deepEqual(to(), [GLOBEX, HOOLI, INSIDE]);
    assert.equal(to(), to(), "equal lists are one");
    const policy = exports.policy(GLOBEX) ?? "";
    assert.equal(exports.exported(policy, KEY)?.route.scope, "direct");
    assert.deepEqual([...exports.policies()], before);
    act({ kind: "service.add", intent: intent(KEY) });
    assert.deepEqual(to(), [INSIDE]);
  });

  test("peers under the same rules share one policy; a rule for one of them parts it from the other", () => {
    const { rules, exports, act, to } = node();
    act({ kind: "service.add", intent: intent(KEY) });
    assert.equal(exports.policy(GLOBEX), exports.policy(HOOLI));
    assert.equal(rules({ match: { organization: "globex.test", key: KEY }, action: "accept" }), true);
    assert.notEqual(exports.policy(GLOBEX), exports.policy(HOOLI));
    assert.deepEqual(to(), [GLOBEX, INSIDE]);
    assert.equal(rules({ match: { organization: "globex.test", key: KEY }, action: "accept" }), false);
    assert.equal(rules(), true);
    assert.equal(exports.policy(GLOBEX), exports.policy(HOOLI));
  });

  test("a lost session changes no policy, another role does, a peer that is gone is told nothing", () => {
    const { act, exports, to } = node();
    act({ kind: "service.add", intent: intent(KEY, { export: true }) });
    assert.equal(act({ kind: "peer.told", peer: GLOBEX, told: { kind: "stale" } }), false);
    assert.equal(act({ kind: "peer.set", peering: peerOf(GLOBEX, "customer") }), true);
    act({ kind: "peer.remove", peer: HOOLI });
    assert.deepEqual(to(), [GLOBEX, INSIDE]);
    assert.equal(exports.policy(HOOLI), undefined);
  });

  test("nobody is told a path that goes through him", () => {
    const { act, to, exports } = node();
    const key = "reviews.globex.test";
    const accept = { match: { key: "*" }, action: "accept" } as const;
    act({ kind: "rules.set", rules: { imports: [accept], exports: [accept] } });
    const route = routeOf(GLOBEX, { key, notAfter: 80_000_000 });
    act({
      kind: "peer.told",
      peer: GLOBEX,
      told: { kind: "update", withdraw: [], rejected: [], advertise: [route] },
    });
    assert.deepEqual(to(key), [INSIDE]);
    assert.deepEqual(
      [...exports.keys()].filter(
        (name) => exports.exported(exports.policy(INSIDE) ?? "", name) !== undefined,
      ),
      [key],
    );
  });

  test("who is no peer when it begins to follow, and who is, are known from the table", () => {
    const { loop, exports, act, to } = node();
    act({ kind: "service.add", intent: intent(KEY, { export: true }) });
    const later = new Exports(exports.self, loop.view);
    assert.deepEqual(later.to(loop.view.routes.best(KEY)), to());
    assert.equal(later.policy(GLOBEX), exports.policy(GLOBEX));
    // This node's own table is no peer's.
    assert.equal(later.policy(NODE), undefined);
    assert.deepEqual([...later.policies()].length, [...exports.policies()].length);
  });

  test("a path is told to nobody it goes through, nor to another node of an organization it goes through", () => {
    const { act, to } = node();
    const second = "edge2.globex.test";
    // A customer's word goes to everybody.
    for (const peer of [GLOBEX, second]) act({ kind: "peer.set", peering: peerOf(peer, "customer") });
    const key = "reviews.globex.test";
    const all = { match: { key: "*", origin: "*" }, action: "accept", set: { scope: "transitive" } } as const;
    const { set: _, ...accept } = all;
    act({ kind: "rules.set", rules: { imports: [accept], exports: [all] } });
    const told = (peer: string, ...advertise: readonly ReturnType<typeof routeOf>[]): void => {
      act({ kind: "peer.told", peer, told: { kind: "update", withdraw: [], rejected: [], advertise } });
    };
    told(GLOBEX, routeOf(GLOBEX, { key, notAfter: 80_000_000 }));
    assert.deepEqual(to(key), [HOOLI, INSIDE]);
  });

  test("each peer is decided for by its own terms, and a policy that nobody is under is gone", () => {
    const { act, rules, exports, to, loop } = node();
    act({ kind: "service.add", intent: intent(KEY) });
    rules({ match: { organization: "globex.test", key: KEY }, action: "accept" });
    const path = loop.view.routes.best(KEY)?.[0] ?? assert.fail();
    assert.deepEqual(
      [GLOBEX, HOOLI, "nobody.test"].map((peer) => exports.sends(peer, path)),
      [true, false, false],
    );
    assert.equal(exports.decide(GLOBEX, path)?.send, true);
    assert.equal(exports.decide(HOOLI, path)?.send, false);
    assert.equal(exports.decide("nobody.test", path), undefined);
    assert.equal([...exports.policies()].length, 3);
    rules();
    assert.equal([...exports.policies()].length, 2, "globex is under the one of hooli again");
    act({ kind: "peer.remove", peer: INSIDE });
    assert.equal([...exports.policies()].length, 1);
    assert.deepEqual(to(), []);
  });

  test("lists of the same length that differ are two, and each is one array for all names", () => {
    const { act, rules, to } = node();
    const [one, two, three] = ["s1", "s2", "s3"].map(full);
    for (const key of [one, two, three]) act({ kind: "service.add", intent: intent(key ?? "") });
    rules(
      { match: { organization: "globex.test", key: two ?? "" }, action: "accept" },
      { match: { organization: "hooli.test", key: one ?? "" }, action: "accept" },
      { match: { organization: "hooli.test", key: three ?? "" }, action: "accept" },
    );
    assert.deepEqual(
      [to(one), to(two), to(three)],
      [
        [HOOLI, INSIDE],
        [GLOBEX, INSIDE],
        [HOOLI, INSIDE],
      ],
    );
    const [first, , third] = [to(one), to(two), to(three)];
    assert.equal(first, third);
  });
});
