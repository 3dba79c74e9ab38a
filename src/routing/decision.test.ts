import assert from "node:assert/strict";
import { test } from "node:test";
import { compare, type Contender, rank, stepOf } from "./decision.ts";

const base: Contender = {
  own: false,
  accepted: true,
  staleness: 0,
  healthRank: 0,
  localPreference: 200,
  organizations: 1,
  cost: 0,
  internal: false,
  nodes: 1,
  peerName: "m",
  neighbour: "globex",
};

test("each step decides before all later ones", () => {
  // What makes a path worse at each step, in the order of the steps.
  const worse: readonly Partial<Contender>[] = [
    { own: false },
    { accepted: false },
    { staleness: 1 },
    { healthRank: 2 },
    { localPreference: 100 },
    { organizations: 2 },
    { cost: 9 },
    { internal: true },
    { nodes: 2 },
    { peerName: "z" },
  ];
  const good: Contender = { ...base, own: true, internal: false };
  worse.forEach((step, at) => {
    const bad = { ...good, ...step };
    const later = Object.assign({}, ...worse.slice(at + 1)) as Partial<Contender>;
    assert.equal(compare({ ...good, ...later }, bad), -(at + 1), stepOf(at + 1));
  });
});

test("cost of different organizations is not compared, and cannot make a circle", () => {
  // a1 beats a2 by cost, a2 beats b by nodes, b beats a1 by nodes: only the best of each organization may meet.
  const a1 = { ...base, peerName: "a1", neighbour: "a", cost: 1, nodes: 3 };
  const a2 = { ...base, peerName: "a2", neighbour: "a", cost: 2, nodes: 1 };
  const b = { ...base, peerName: "b", neighbour: "b", cost: 9, nodes: 2 };
  assert.ok(compare(a1, a2) < 0 && compare(a2, b) < 0 && compare(b, a1) < 0);
  for (const list of [
    [a1, a2, b],
    [b, a2, a1],
    [a2, b, a1],
  ]) {
    assert.deepEqual(
      rank(list).map(({ peerName }) => peerName),
      ["b", "a1", "a2"],
    );
  }
});
