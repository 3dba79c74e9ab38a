import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { routeOf, SELF, termsOf } from "../../test/kit/routes.ts";
import { isUnder, LEASE_MS, LEASE_SLACK_MS, originProblem } from "./origin.ts";
import { attributesOf, communitiesOf, type Detailed, detailsOf } from "./details.ts";
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

/** Details of these parts, in their order; the others are missing. */
const said = (...parts: readonly unknown[]) => ({
  details: JSON.stringify([...parts, 0, 0, 0, 0].slice(0, 5)),
});

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
      [{ health: "fine" }, "malformed"],
      [{ details: ["a:b"] }, "malformed"],
      [{ details: "" }, "malformed"],
      [{ details: '{"communities":[]}' }, "malformed"],
      [{ details: "[[],0,0,0" }, "malformed"],
      [{ details: "[[],0,0,0]" }, "malformed"],
      [said("globex:gold"), "malformed"],
      [said(["gold"]), "malformed"],
      [said(Array(65).fill("a:b")), "too-large"],
      [said(Array(60).fill(`a:${"x".repeat(200)}`)), "too-large"],
      [said([], 7), "malformed"],
      [said([], "x".repeat(257)), "malformed"],
      [said([], 0, "short"), "malformed"],
      [said([], 0, 0, 0, { a: 1 }), "malformed"],
      [said([], 0, 0, 0, { ["x".repeat(257)]: "" }), "malformed"],
      [said([], 0, 0, 0, Object.fromEntries(Array.from({ length: 65 }, (_, i) => [i, ""]))), "too-large"],
      [{ details: " ".repeat(8_193) }, "too-large"],
      [{ notAfter: null }, "malformed"],
      [{ "!quantum": true }, "critical-field"],
    ];
    for (const [some, reason] of cases)
      assert.equal(reasonOf(wire(some)), reason, JSON.stringify(some).slice(0, 80));
    for (const value of [undefined, null, 7, "text", [], [1]]) assert.equal(reasonOf(value), "malformed");
  });

  test("may word its details as it likes: here they stand as this node writes them, or as they came", () => {
    const detailsFrom = (text: string) => {
      const parsed = new RouteParser().parse(wire({ details: text }));
      assert.ok(parsed.ok, text);
      return parsed.route.details;
    };
    const labels = { text: "Zürich 東京", empty: "" };
    for (const some of [{}, { communities: ["a:b", "c:"] }, { region: "eu" }, { schema: HASH }, { labels }]) {
      assert.equal(detailsFrom(detailsOf(some)), detailsOf(some));
    }
    const others: readonly (readonly [string, Detailed])[] = [
      [` [ [ ] ,0,0, 0,{"a": "b"},"later",{}]`, { labels: { a: "b" } }],
      ['[["A:b c"],0,0,0,0]', { communities: ["A:b c"] }],
      [
        '[[],0,0,0,{"a\\u0000\\"":"🚀","__proto__":"x"}]',
        { labels: JSON.parse('{"a\\u0000\\"":"🚀","__proto__":"x"}') as {} },
      ],
      ['[[],"\ud800",0,0,0]', { region: "\ud800" }],
    ];
    for (const [text, some] of others) assert.equal(detailsFrom(text), detailsOf(some));
  });

  test("details that came are always details", () => {
    const parser = new RouteParser();
    const text = fc.string({
      unit: fc.constantFrom("a", ":", '"', "\\", "\u0001", "\ud800", "é", "{", "]"),
      maxLength: 6,
    });
    const parts = fc.tuple(
      fc.array(text, { maxLength: 3 }),
      ...Array.from({ length: 3 }, () => fc.option(text, { nil: 0 })),
      fc.option(fc.dictionary(text, text, { maxKeys: 3 }), { nil: 0 }),
    );
    const worded = fc.oneof(
      text,
      parts.map((all) => JSON.stringify(all)),
      parts.map((all) => JSON.stringify(all).replaceAll("\\", "")),
    );
    fc.assert(
      fc.property(worded, (details) => {
        const parsed = parser.parse(wire({ details }));
        if (!parsed.ok) return;
        const { details: held } = parsed.route;
        const read = (text: string) => [communitiesOf(text), attributesOf("up", text)];
        assert.deepEqual(
          read(detailsOf({ communities: communitiesOf(held), ...attributesOf("up", held) })),
          read(held),
        );
        assert.equal(parser.parse(wire({ details: held })).ok, true);
      }),
      { numRuns: 2_000 },
    );
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
