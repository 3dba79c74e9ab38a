import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { PATHS_MAX, rank } from "./decision.ts";
import { detailsOf } from "./details.ts";
import type { Verdict } from "./import-policy.ts";
import type { PeerTerms } from "./received.ts";
import type { Route } from "./route.ts";
import type { PeerDelta, RouteDelta } from "./route-delta.ts";
import { type Best, RouteTable } from "./table.ts";
import { older } from "./tombstones.ts";

const OWN = "acme.test";
const PEERS = [
  "edge1.globex.test",
  "edge2.globex.test",
  "edge1.initech.test",
  "edge2.acme.test",
  "edge3.acme.test",
  "edge1.acme.test",
];
const KEYS = ["a", "b", "c"];
const ACCEPT: Verdict = { accept: true, reason: "accepted" };
const VERDICTS: readonly Verdict[] = [
  ACCEPT,
  { accept: false, reason: "import-denied", rule: "r" },
  { accept: true, reason: "accepted", localPreference: 250 },
];

const terms = fc
  .record({
    node: fc.constantFrom(...PEERS),
    generation: fc.nat({ max: 3 }),
    longStale: fc.boolean(),
    reach: fc.constantFrom("up", "unknown", "down"),
    onLoss: fc.constantFrom("keep", "depreference", "withdraw"),
  })
  .map(termsOf);

function termsOf(some: Pick<PeerTerms, "node" | "generation" | "longStale" | "reach" | "onLoss">): PeerTerms {
  const organization = some.node.slice(some.node.indexOf(".") + 1);
  const inside = organization === OWN;
  const limits = { routes: 1, rate: 1, bytes: 1, pathLength: 1 };
  const kinds = inside
    ? ({ kind: "internal", role: "internal" } as const)
    : ({ kind: "external", role: "lateral" } as const);
  return { ...some, ...kinds, organization, limits, policy: "p" };
}

const route = fc
  .record({
    key: fc.constantFrom(...KEYS),
    peer: fc.constantFrom(...PEERS),
    seq: fc.nat({ max: 3 }),
    hops: fc.nat({ max: 2 }),
    cost: fc.nat({ max: 2 }),
    notAfter: fc.nat({ max: 9 }),
    health: fc.constantFrom("up", "unknown", "down"),
    origin: fc.constantFrom("o1.hooli.test", "o2.hooli.test"),
    schema: fc.option(fc.constantFrom("x", "y"), { nil: undefined }),
  })
  .map(({ key, peer, seq, hops, cost, notAfter, health, origin, schema }) => {
    const between = Array.from({ length: hops }, (_, i) => `m${i}.hooli.test`);
    const first = peer.slice(peer.indexOf(".") + 1);
    const told: Route = {
      key,
      protocol: "http",
      origin,
      version: { epoch: 1, seq },
      orgPath: [first, "hooli.test"],
      nodePath: [peer, ...between, origin],
      nextHop: peer,
      nextHopAddress: "h:1",
      scope: "transitive",
      cost,
      notAfter,
      health,
      details: detailsOf(schema === undefined ? {} : { schema }),
    };
    return { peer, route: told };
  });

const delta: fc.Arbitrary<PeerDelta | RouteDelta> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .record({ kind: fc.constant("route.learn"), told: route, verdict: fc.constantFrom(...VERDICTS) })
      .map(({ told, verdict }): RouteDelta => ({ kind: "route.learn", ...told, verdict })),
  },
  { weight: 3, arbitrary: terms.map((some): PeerDelta => ({ kind: "peer.set", terms: some })) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("route.unlearn" as const),
      peer: fc.constantFrom(...PEERS),
      key: fc.constantFrom(...KEYS),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("route.judge" as const),
      peer: fc.constantFrom(...PEERS),
      key: fc.constantFrom(...KEYS),
      verdict: fc.constantFrom(...VERDICTS),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("route.sweep" as const),
      peer: fc.constantFrom(...PEERS),
      most: fc.nat({ max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("route.walk" as const),
      peer: fc.constantFrom(...PEERS),
      most: fc.nat({ max: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("peer.delete" as const), node: fc.constantFrom(...PEERS) }),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({
        key: fc.constantFrom(...KEYS),
        origin: fc.constantFrom("o1.hooli.test", "o2.hooli.test"),
        seq: fc.nat({ max: 3 }),
      })
      .map(({ key, origin, seq }): RouteDelta => ({
        kind: "route.bury",
        stone: { key, origin, version: { epoch: 1, seq }, at: 0 },
      })),
  },
);
const deltas = fc.array(delta, { maxLength: 40, size: "max" });

/** Every peer is there from the start, and generations only grow, as in a node. */
function grown(list: readonly (PeerDelta | RouteDelta)[]): (PeerDelta | RouteDelta)[] {
  const generation = new Map<string, number>();
  return list.map((one) => {
    if (one.kind === "peer.delete") generation.delete(one.node);
    if (one.kind !== "peer.set") return one;
    const now = (generation.get(one.terms.node) ?? 0) + (one.terms.generation === 3 ? 1 : 0);
    generation.set(one.terms.node, now);
    return { kind: "peer.set", terms: { ...one.terms, generation: now } };
  });
}

const walks = (): RouteDelta[] => PEERS.map((peer) => ({ kind: "route.walk", peer, most: 1_000 }));

function play(list: readonly (PeerDelta | RouteDelta)[], table = peered()): RouteTable {
  for (const one of list) table.apply(one);
  return table;
}

function peered(): RouteTable {
  const table = new RouteTable(OWN);
  for (const node of PEERS)
    table.apply({
      kind: "peer.set",
      terms: termsOf({ node, generation: 0, longStale: false, reach: "up", onLoss: "depreference" }),
    });
  return table;
}

/** Everything there is to see, in words. */
function picture(table: RouteTable): unknown {
  const told = (path: Best[number]) => [path.peerName, path.route(), path.verdict, path.generation];
  return {
    keys: [...table.keys()].sort().map((key) => [key, table.candidates(key).map(told)]),
    peers: [...table.peers()]
      .map((received) => [
        received.terms,
        received.size,
        received.bytes,
        [...received.paths()].map(({ key }) => key),
        received.cursor?.key,
      ])
      .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
    ends: table
      .ending(9)
      .map((path) => `${path.key} ${path.peerName}`)
      .sort(),
    stones: KEYS.flatMap((key) =>
      ["o1.hooli.test", "o2.hooli.test"].map((origin) => table.tombstones.get(key, origin)),
    ),
  };
}

describe("the table", () => {
  test("decides by steps what deciding from scratch gives", () => {
    fc.assert(
      fc.property(deltas, (list) => {
        const table = play([...grown(list), ...walks()]);
        for (const key of table.keys()) {
          const all = table.candidates(key);
          const expected = rank(
            all.filter(({ accepted }) => accepted),
            PATHS_MAX,
          );
          assert.deepEqual(
            (table.best(key) ?? []).map(({ peerName }) => peerName),
            expected.map(({ peerName }) => peerName),
          );
        }
      }),
      { numRuns: 1_500 },
    );
  });

  test("holds what a plain map by peer and name would", () => {
    fc.assert(
      fc.property(deltas, (list) => {
        const peers = new Map(PEERS.map((node) => [node, 0]));
        const model = new Map<string, { route: Route; generation: number }>();
        const grownList = grown(list);
        const table = peered();
        for (const one of grownList) {
          table.apply(one);
          if (one.kind === "peer.set") peers.set(one.terms.node, one.terms.generation);
          else if (one.kind === "peer.delete") {
            peers.delete(one.node);
            for (const name of model.keys()) if (name.startsWith(`${one.node} `)) model.delete(name);
          } else if (one.kind === "route.learn" && peers.has(one.peer)) {
            model.set(`${one.peer} ${one.route.key}`, {
              route: one.route,
              generation: peers.get(one.peer) ?? 0,
            });
          } else if (one.kind === "route.unlearn") model.delete(`${one.peer} ${one.key}`);
          else if (one.kind === "route.bury") {
            // A tombstone older than a known one says nothing, and its paths are gone already or newer.
            const { stone } = one;
            if (table.tombstones.get(stone.key, stone.origin) !== stone) continue;
            for (const [name, { route }] of model) {
              if (
                route.key === stone.key &&
                route.origin === stone.origin &&
                !older(stone.version, route.version)
              )
                model.delete(name);
            }
          } else if (one.kind === "route.sweep") {
            // Which of several stale ones go first is the list's matter: take what is left.
            for (const [name, { route, generation }] of model) {
              const stale = generation < (peers.get(one.peer) ?? 0);
              if (name.startsWith(`${one.peer} `) && stale && table.path(one.peer, route.key) === undefined)
                model.delete(name);
            }
          }
        }
        const held = [...table.keys()]
          .flatMap((key) => table.candidates(key))
          .map((path) => [`${path.peerName} ${path.key}`, path.route()] as const);
        const sorted = <T>(entries: Iterable<readonly [string, T]>) =>
          [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
        assert.deepEqual(sorted(held), sorted([...model].map(([name, { route }]) => [name, route] as const)));
        for (const received of table.peers()) {
          const generations = [...received.paths()].map(({ generation }) => generation);
          assert.deepEqual(
            generations,
            generations.toSorted((a, b) => a - b),
          );
        }
      }),
      { numRuns: 1_500 },
    );
  });

  test("taken back to a mark is as it was, and its commit empty", () => {
    fc.assert(
      fc.property(deltas, deltas, deltas, (first, second, third) => {
        const all = grown([...first, ...second, ...third]);
        const table = play(all.slice(0, first.length));
        table.seal();
        const before = picture(table);
        play(all.slice(first.length, first.length + second.length), table);
        const middle = picture(table);
        const mark = table.mark();
        play(all.slice(first.length + second.length), table);
        table.undo(mark);
        assert.deepEqual(picture(table), middle);
        table.undo(0);
        assert.deepEqual(picture(table), before);
        const { routes, peers } = table.seal();
        assert.deepEqual([routes.size, peers.size], [0, 0]);
      }),
      { numRuns: 1_500 },
    );
  });

  test("withdrawing what was advertised leaves nothing", () => {
    fc.assert(
      fc.property(deltas, (list) => {
        const table = play(grown(list));
        const all = [...table.keys()].flatMap((key) => table.candidates(key));
        for (const { peerName, key } of all) table.apply({ kind: "route.unlearn", peer: peerName, key });
        assert.deepEqual([table.names, table.ending(9).length], [0, 0]);
        for (const received of table.peers())
          assert.deepEqual([received.size, received.bytes, received.oldest], [0, 0, undefined]);
      }),
    );
  });

  test("commits add up: each one's after is the next one's before", () => {
    fc.assert(
      fc.property(fc.array(deltas, { maxLength: 4 }), (batches) => {
        const all = grown(batches.flat());
        const table = peered();
        const known = new Map<string, Best>();
        let at = 0;
        for (const batch of batches) {
          play(all.slice(at, (at += batch.length)), table);
          for (const [key, { before, after }] of table.seal().routes) {
            assert.deepEqual(names(before), names(known.get(key)));
            if (after === undefined) known.delete(key);
            else known.set(key, after);
          }
          for (const key of KEYS) assert.deepEqual(names(known.get(key)), names(table.best(key)));
        }
      }),
    );
  });
});

const names = (best: Best | undefined) => best?.map(({ peerName, seq }) => `${peerName} ${seq}`);
