import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type LeaseEnd, LeaseHeap } from "./lease-heap.ts";

const ends = fc.array(
  fc.tuple(fc.string({ maxLength: 2 }), fc.nat({ max: 50 })).map(([id, notAfter]) => ({ id, notAfter })),
  {
    maxLength: 60,
  },
);
const order = (a: LeaseEnd, b: LeaseEnd) =>
  a.notAfter - b.notAfter || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

test("reads what ends until a time in order, and prunes from the top only what no longer holds", () => {
  fc.assert(
    fc.property(ends, fc.nat({ max: 50 }), fc.nat({ max: 50 }), (list, at, alive) => {
      const heap = new LeaseHeap();
      for (const end of list) heap.add(end);
      const expected = (from: number) =>
        list.filter((end) => end.notAfter >= from && end.notAfter <= at).sort(order);
      assert.deepEqual(heap.ending(at), expected(0));
      heap.prune(({ notAfter }) => notAfter >= alive);
      assert.deepEqual(heap.ending(at), expected(alive));
      heap.reset(list);
      assert.deepEqual(heap.ending(at), expected(0));
    }),
  );
});
