import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { routeOf, SELF, termsOf } from "../../test/kit/routes.ts";
import { explain } from "./explain.ts";
import { ImportPolicy, OWN } from "./import-policy.ts";
import { peerDiff } from "./peer-diff.ts";
import type { PeerTerms } from "./received.ts";
import { EMPTY_METER, limitState, metered } from "./route-limits.ts";
import { type Rule, ruleId, type RuleLists } from "./rule.ts";
import { RouteTable } from "./table.ts";

const GLOBEX = termsOf("edge1.globex.test");
const GLOBEX2 = termsOf("edge2.globex.test");
const HOOLI = termsOf("edge1.hooli.test", { role: "customer" });
const OWN_TERMS: PeerTerms = { ...termsOf(SELF.node), local: true };
const KEY = "reviews.globex.test";

function tableOf(imports: readonly Rule[]): RouteTable {
  const table = new RouteTable(SELF.organization);
  for (const terms of [OWN_TERMS, GLOBEX, GLOBEX2, HOOLI]) table.apply({ kind: "peer.set", terms });
  const learn = (terms: PeerTerms, some: Parameters<typeof routeOf>[1]) => {
    const route = routeOf(terms.node, some);
    const verdict = terms === OWN_TERMS ? OWN : new ImportPolicy(imports, terms).judge(route);
    table.apply({ kind: "route.learn", peer: terms.node, route, verdict });
  };
  learn(GLOBEX, { key: KEY, origin: "core.globex.test", cost: 5 });
  learn(GLOBEX2, { key: KEY, origin: "core.globex.test", cost: 1 });
  learn(HOOLI, { key: KEY, origin: "core.globex.test" });
  learn(GLOBEX, { key: "billing.globex.test" });
  learn(OWN_TERMS, { key: "products.acme.test" });
  return table;
}

const fromGlobex: Rule = { match: { organization: "globex.test" }, action: "accept" };

test("explain tells of every candidate where it lost and what hides it", () => {
  const table = tableOf([fromGlobex]);
  const stone = { key: KEY, origin: "core.globex.test", version: { epoch: 1, seq: 0 }, at: 9 };
  table.apply({ kind: "route.bury", stone });
  const rejection = { key: KEY, reason: "loop", text: "x is in the path", at: 1 } as const;
  table.apply({
    kind: "route.reject",
    peer: GLOBEX.node,
    rejections: [rejection, { ...rejection, key: "other.test" }],
  });
  const { candidates, rejected, tombstones } = explain(table, KEY);
  assert.deepEqual(
    candidates.map(({ use, peer, lost }) => [use, peer, lost?.step, lost?.to]),
    [
      ["best", GLOBEX2.node, undefined, undefined],
      ["alternate", GLOBEX.node, "cost inside one organization", GLOBEX2.node],
      ["hidden", HOOLI.node, "accepted", GLOBEX2.node],
    ],
  );
  assert.deepEqual(
    candidates.map(({ verdict }) => [verdict.reason, verdict.rule]),
    [
      ["accepted", ruleId(fromGlobex)],
      ["accepted", ruleId(fromGlobex)],
      ["import-default", undefined],
    ],
  );
  assert.deepEqual(rejected, [{ ...rejection, peer: GLOBEX.node }]);
  assert.deepEqual(tombstones, [stone]);
  assert.deepEqual(JSON.parse(JSON.stringify(candidates)), candidates);
  assert.deepEqual(explain(table, "nothing.test"), {
    key: "nothing.test",
    candidates: [],
    rejected: [],
    tombstones: [],
  });
});

describe("peer diff", () => {
  const diff = (before: RuleLists, after: RuleLists) => {
    const run = peerDiff(tableOf(before.imports), SELF, before, after);
    for (let step = run.next(); ; step = run.next())
      if (step.done === true) return new Map(step.value.map((one) => [one.peer, one]));
  };
  const none = { gained: [], lost: [], changed: [] };
  const all: Rule = { match: {}, action: "accept" };

  test("equal rules change nothing", () => {
    for (const { imports, exports } of diff(
      { imports: [fromGlobex], exports: [all] },
      { imports: [{ ...fromGlobex }], exports: [all] },
    ).values()) {
      assert.deepEqual([imports, exports], [none, none]);
    }
  });

  test("shows what each peer would gain and lose, also through another best path", () => {
    const before = { imports: [fromGlobex], exports: [all] };
    const found = diff(before, {
      imports: [{ match: { peer: GLOBEX.node }, action: "accept" }],
      exports: [all],
    });
    assert.deepEqual(found.get(GLOBEX2.node), {
      peer: GLOBEX2.node,
      imports: { ...none, lost: [KEY] },
      exports: none,
    });
    // The best path leads over another node now, and the customer would hear of it.
    assert.deepEqual(found.get(HOOLI.node), {
      peer: HOOLI.node,
      imports: none,
      exports: { ...none, changed: [KEY] },
    });
    const closed = diff(before, { imports: [], exports: [] });
    assert.deepEqual(closed.get(GLOBEX.node)?.imports.lost.toSorted(), ["billing.globex.test", KEY]);
    assert.deepEqual(closed.get(HOOLI.node)?.exports.lost.toSorted(), [
      "billing.globex.test",
      "products.acme.test",
      KEY,
    ]);
    assert.deepEqual(closed.get(GLOBEX.node)?.exports.lost, ["products.acme.test"]);
    assert.deepEqual(diff({ imports: [], exports: [] }, before).get(GLOBEX.node)?.imports.gained.toSorted(), [
      "billing.globex.test",
      KEY,
    ]);
  });
});

describe("limits of a peer", () => {
  const limits = { routes: 10, rate: 2, bytes: 1_000, pathLength: 16 };
  const state = (size: number, bytes = 0, level = 0) => {
    const found = limitState({ size, bytes }, { level, at: 0 }, limits);
    return found === undefined ? "ok" : `${found.state} ${found.by} ${found.code ?? ""}`.trim();
  };

  test("are near from 80 % and then close the session with their code", () => {
    assert.deepEqual(
      [state(8), state(9), state(10), state(11)],
      ["ok", "near routes", "near routes", "over routes 9"],
    );
    assert.deepEqual([state(0, 801), state(9, 1_001)], ["near bytes", "over bytes 9"]);
    assert.deepEqual([state(0, 0, 17), state(0, 0, 21)], ["near rate", "over rate 10"]);
  });

  test("the rate is an average over ten seconds; a clock that jumps back gives nothing away", () => {
    const burst = metered(EMPTY_METER, 20, 1_000, limits);
    assert.equal(burst.level, 20);
    assert.equal(metered(burst, 1, 6_000, limits).level, 11);
    assert.equal(metered(burst, 1, 500, limits).level, 21);
    assert.equal(metered(burst, 1, 500, limits).at, 1_000);
  });
});
