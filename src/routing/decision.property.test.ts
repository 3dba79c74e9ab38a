import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { compare, type Contender, lost, PATHS_MAX, rank } from "./decision.ts";

const small = (max: number) => fc.nat({ max });
const contender: fc.Arbitrary<Contender> = fc.record({
  own: fc.boolean(),
  accepted: fc.boolean(),
  staleness: small(2),
  healthRank: small(2),
  localPreference: small(2),
  organizations: small(2),
  cost: small(3),
  internal: fc.boolean(),
  nodes: small(2),
  peerName: fc.constantFrom(..."abcdefghijkl"),
  neighbour: fc.constantFrom("x", "y", "z"),
});
/** As in the table: one path a peer. */
const contenders = fc.uniqueArray(contender, { selector: ({ peerName }) => peerName, maxLength: 10 });

/** RFC 4271 in the most literal form: leaders by sorting each organization, then the best leader by sorting those. */
function literal(all: readonly Contender[]): Contender[] {
  const left = all.toSorted((a, b) => (a.peerName < b.peerName ? -1 : 1));
  const out: Contender[] = [];
  while (left.length > 0) {
    const leaders = [...Map.groupBy(left, ({ neighbour }) => neighbour).values()].map(
      (group) => group.toSorted(compare)[0],
    );
    const best = leaders.filter((leader) => leader !== undefined).toSorted(compare)[0];
    if (best === undefined) break;
    out.push(...left.splice(left.indexOf(best), 1));
  }
  return out;
}

describe("the order", () => {
  test("is antisymmetric, and transitive inside one organization and between different ones", () => {
    fc.assert(
      fc.property(contender, contender, contender, (a, b, c) => {
        assert.equal(Math.sign(compare(a, b)), -Math.sign(compare(b, a)) + 0);
        assert.equal(Math.abs(compare(a, b)), Math.abs(compare(b, a)));
        const kinds = new Set([a.neighbour, b.neighbour, c.neighbour]).size;
        if (kinds === 2) return;
        if (compare(a, b) < 0 && compare(b, c) < 0) assert.ok(compare(a, c) < 0);
      }),
      { numRuns: 2_000 },
    );
  });

  test("does not depend on the order of arrival", () => {
    fc.assert(
      fc.property(
        contenders.chain((list) =>
          fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
        ),
        ([one, other]) => assert.deepEqual(rank(one), rank(other)),
      ),
      { numRuns: 1_000 },
    );
  });

  test("is that of the best of each organization first, and four are the first four of all", () => {
    fc.assert(
      fc.property(contenders, (list) => {
        const all = rank(list);
        assert.deepEqual(all, literal(list));
        assert.deepEqual(rank(list, PATHS_MAX), all.slice(0, PATHS_MAX));
      }),
      { numRuns: 1_000 },
    );
  });

  test("names for each loser who beat it and where", () => {
    fc.assert(
      fc.property(contenders, (list) => {
        const ranked = rank(list);
        ranked.forEach((one, at) => {
          const reason = lost(one, ranked);
          assert.equal(reason === undefined, at === 0);
          if (reason !== undefined) assert.ok(ranked.indexOf(reason.to) < at);
        });
      }),
    );
  });
});
