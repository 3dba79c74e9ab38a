import assert from "node:assert/strict";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { equal } from "./equal.ts";
import { Queue } from "./queue.ts";

/** Few different leaves, so that equal values are found often. */
const small = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, 0, 1, "", "a", true, undefined),
    fc.array(tie("value"), { maxLength: 2 }),
    fc.dictionary(fc.constantFrom("a", "b", "toString"), tie("value"), { maxKeys: 2, noNullPrototype: true }),
  ),
})).value;

/** Members that are undefined count as missing; in arrays undefined is a value. */
function strip(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(strip);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([k, v]) => (v === undefined ? [] : [[k, strip(v)]])),
  );
}

test("equal agrees with the platform's deep equality on data", () => {
  fc.assert(
    fc.property(small, small, (a, b) => {
      assert.equal(equal(a, b), isDeepStrictEqual(strip(a), strip(b)));
      assert.ok(equal(a, structuredClone(a)));
    }),
    { numRuns: 2_000 },
  );
});

test("a queue is a list, whatever its size", () => {
  const step = fc.oneof(
    fc.nat({ max: 3_000 }).map((n) => ({ push: n })),
    fc.nat({ max: 3_000 }).map((n) => ({ take: n })),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
      const queue = new Queue<number>();
      let [next, expected] = [0, 0];
      for (const one of steps) {
        if ("push" in one) for (let i = 0; i < one.push; i++) queue.push(next++);
        else
          for (let i = 0; i < one.take; i++)
            assert.equal(queue.take(), expected < next ? expected++ : undefined);
        assert.equal(queue.size, next - expected);
      }
    }),
    { numRuns: 50 },
  );
});
