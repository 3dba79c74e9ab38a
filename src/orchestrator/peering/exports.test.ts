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
});
