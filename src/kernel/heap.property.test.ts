import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Heap } from "./heap.ts";

interface Item {
  readonly rank: number;
  at: number;
}

test("takes the first, takes from the middle, and finds all up to a rank, as a sorted list does", () => {
  const steps = fc.array(
    fc.oneof(
      fc.nat({ max: 30 }).map((rank) => ({ kind: "add", rank }) as const),
      fc.nat().map((which) => ({ kind: "take", which }) as const),
      fc.constant({ kind: "top" } as const),
    ),
    { maxLength: 80 },
  );
  fc.assert(
    fc.property(steps, fc.nat({ max: 30 }), (list, most) => {
      const heap = new Heap<Item>(
        (a, b) => a.rank < b.rank,
        (item, at) => (item.at = at),
      );
      let model: Item[] = [];
      const ranks = (items: readonly Item[]) => items.map(({ rank }) => rank).sort((a, b) => a - b);
      for (const step of list) {
        if (step.kind === "add") {
          const item = { rank: step.rank, at: -1 };
          heap.add(item);
          model.push(item);
          continue;
        }
        const one = step.kind === "take" ? model[step.which % Math.max(model.length, 1)] : heap.top;
        assert.equal(heap.take(one?.at), one);
        if (one !== undefined) assert.equal(one.at, -1);
        if (step.kind === "top" && one !== undefined) assert.equal(one.rank, ranks(model)[0]);
        model = model.filter((item) => item !== one);
      }
      assert.equal(heap.size, model.length);
      const found = heap.while(({ rank }) => rank <= most);
      assert.deepEqual(ranks(found), ranks(model.filter(({ rank }) => rank <= most)));
      const rest: Item[] = [];
      for (let next = heap.take(); next !== undefined; next = heap.take()) rest.push(next);
      assert.deepEqual(
        rest.map(({ rank }) => rank),
        ranks(model),
      );
    }),
  );
});
