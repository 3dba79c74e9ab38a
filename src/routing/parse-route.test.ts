import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { routeOf, SELF, termsOf } from "../../test/kit/routes.ts";
import { isUnder, LEASE_MS, LEASE_SLACK_MS, originProblem } from "./origin.ts";
import { ROUTE, RouteParser } from "./parse-route.ts";
import type { RejectReason } from "./rejection.ts";
import type { Route } from "./route.ts";

const PEER = termsOf("edge1.globex.test");
const INSIDE = termsOf("edge2.acme.test");
const HASH = "A".repeat(43);
const ROUTE_OF = routeOf(PEER.node, {
  key: "reviews.globex.test",
  via: ["core.globex.test"],
  origin: "edge9.globex.test",
  communities: ["globex:gold"],
  attributes: { health: "up", region: "eu", schema: HASH, descriptor: HASH, labels: { a: "1" } },
  onlyToCustomer: "globex.test",
  localPreference: 1,
});

/** What arrives: JSON, with some member replaced. */
const wire = (some: object = {}): unknown => JSON.parse(JSON.stringify({ ...ROUTE_OF, ...some }));

function reasonOf(value: unknown): RejectReason | "ok" {
  const parsed = new RouteParser().parse(value);
  return parsed.ok ? "ok" : parsed.problem.reason;
}

describe("a route from outside", () => {
  test("comes out as it went in, without what is not known", () => {
    const parsed = new RouteParser().parse(wire({ novelty: { deep: 1 } }));
    assert.ok(parsed.ok);
    assert.deepEqual(parsed.route, ROUTE_OF);
  });

  test("may call its protocol by other names", () => {
    for (const protocol of ["http:gql", "graphql", "graphql-http"]) {
      const parsed = new RouteParser().parse(wire({ protocol }));
      assert.ok(parsed.ok && parsed.route.protocol === "http:graphql");
    }
    assert.equal(reasonOf(wire({ protocol: "gopher" })), "unknown-protocol");
  });

  test("is refused alone, with the reason", () => {
    const cases: readonly (readonly [object, RejectReason])[] = [
      [{ key: undefined }, "malformed"],
      [{ key: "Reviews.globex.test" }, "malformed"],
      [{ key: "a..globex.test" }, "malformed"],
      [{ key: "-a.globex.test" }, "malformed"],
      [{ key: "alone" }, "malformed"],
      [{ key: `${"a.".repeat(260)}test` }, "malformed"],
      [{ origin: 7 }, "malformed"],
      [{ version: { epoch: 1.5, seq: 1 } }, "malformed"],
      [{ version: { epoch: 1, seq: -1 } }, "malformed"],
      [{ cost: 2 ** 60 }, "malformed"],
      [{ cost: "1" }, "malformed"],
      [{ orgPath: [] }, "malformed"],
      [{ nodePath: ["a_b.test"] }, "malformed"],
      [{ nodePath: Array(33).fill("a.test") }, "too-large"],
      [{ nextHopAddress: "host" }, "malformed"],
      [{ nextHopAddress: "host:70000" }, "malformed"],
      [{ nextHopAddress: "a b:1" }, "malformed"],
      [{ scope: "galaxy" }, "malformed"],
      [{ communities: "globex:gold" }, "malformed"],
      [{ communities: ["gold"] }, "malformed"],
      [{ communities: Array(65).fill("a:b") }, "too-large"],
      [{ communities: Array(60).fill(`a:${"x".repeat(200)}`) }, "too-large"],
      [{ attributes: { health: "fine" } }, "malformed"],
      [{ attributes: { health: "up", schema: "short" } }, "malformed"],
      [{ attributes: { health: "up", labels: { a: 1 } } }, "malformed"],
      [
        { attributes: { health: "up", labels: { a: "ä".repeat(200), b: "ä".repeat(200) } } },
        "ok" as RejectReason,
      ],
      [{ notAfter: null }, "malformed"],
      [{ "!quantum": true }, "critical-field"],
      [{ attributes: { health: "up", "!must": 1 } }, "critical-field"],
    ];
    for (const [some, reason] of cases)
      assert.equal(reasonOf(wire(some)), reason, JSON.stringify(some).slice(0, 80));
    for (const value of [undefined, null, 7, "text", [], [1]]) assert.equal(reasonOf(value), "malformed");
  });

  test("names its key where that can be read", () => {
    const parsed = new RouteParser().parse(wire({ cost: -1 }));
    assert.deepEqual(parsed, {
      ok: false,
      key: "reviews.globex.test",
      problem: { reason: "malformed", text: "cost has the wrong form" },
    });
  });

  test("never throws, and what is accepted keeps the budget", () => {
    const parser = new RouteParser();
    const junk = fc.oneof(
      fc.jsonValue(),
      fc.dictionary(fc.constantFrom(...Object.keys(ROUTE_OF)), fc.jsonValue()).map((some) => wire(some)),
    );
    fc.assert(
      fc.property(junk, (value) => {
        const parsed = parser.parse(value);
        if (!parsed.ok) return;
        assert.ok(JSON.stringify(parsed.route).length <= ROUTE.bytes + 1_024);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("who may say what", () => {
  const problem = (some: Partial<Route>, peer = PEER, at = 0) =>
    originProblem({ ...ROUTE_OF, ...some }, peer, SELF, at)?.reason;
  const told = (peer: string, some: Parameters<typeof routeOf>[1]) =>
    problem(routeOf(peer, some), termsOf(peer));

  test("a peer tells names of the organizations on its way, itself first", () => {
    assert.equal(problem({}), undefined);
    assert.equal(told(PEER.node, { key: "billing.hooli.test", origin: "edge1.hooli.test" }), undefined);
    assert.equal(told(INSIDE.node, { key: "products.acme.test" }), undefined);
    assert.equal(told(INSIDE.node, { key: "reviews.globex.test", origin: "edge1.globex.test" }), undefined);
  });

  test("origin-forged: no name outside the domain of the origin", () => {
    assert.equal(problem({ key: "products.acme.test" }), "origin-forged");
    assert.equal(problem({ key: "reviewsglobex.test" }), "origin-forged");
    assert.equal(problem({ key: "globex.test" }), "origin-forged");
    assert.equal(problem({ origin: "edge1.hooli.test" }), "origin-forged");
    // The paths disagree: a node of an organization that the other path hides.
    assert.equal(
      problem({ nodePath: [PEER.node, "edge1.hooli.test", "edge9.globex.test"] }),
      "origin-forged",
    );
    assert.equal(problem({ orgPath: ["globex.test", "hooli.test"] }), "origin-forged");
  });

  test("the own node, the own organization and any organization twice are loops", () => {
    assert.equal(
      told(PEER.node, { key: "a.hooli.test", via: [SELF.node], origin: "edge1.hooli.test" }),
      "loop",
    );
    assert.equal(
      told(PEER.node, { key: "a.hooli.test", via: ["edge7.acme.test"], origin: "edge1.hooli.test" }),
      "loop",
    );
    assert.equal(
      told(INSIDE.node, {
        key: "a.hooli.test",
        via: ["edge1.globex.test", "edge7.acme.test"],
        origin: "edge1.hooli.test",
      }),
      "loop",
    );
    assert.equal(
      told(PEER.node, { key: "a.globex.test", via: ["edge1.hooli.test"], origin: "edge2.globex.test" }),
      "loop",
    );
  });

  test("a way that is too long, another next hop, a lease that is over or without end", () => {
    assert.equal(problem({ nodePath: [INSIDE.node, ...ROUTE_OF.nodePath.slice(1)] }), "not-first");
    assert.equal(problem({}, { ...PEER, limits: { ...PEER.limits, pathLength: 2 } }), "path-length");
    assert.equal(problem({ nextHop: "edge9.globex.test" }), "next-hop");
    assert.equal(problem({ notAfter: 5 }, PEER, 5), "expired");
    assert.equal(problem({ notAfter: LEASE_MS + LEASE_SLACK_MS + 6 }, PEER, 5), "lease");
  });

  test("a domain holds what ends in it after a dot", () => {
    assert.deepEqual(
      [
        isUnder("a.b.test", "b.test"),
        isUnder("b.test", "b.test"),
        isUnder("ab.test", "b.test"),
        isUnder(".b.test", "b.test"),
      ],
      [true, false, false, false],
    );
  });
});
