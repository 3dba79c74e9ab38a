import assert from "node:assert/strict";
import { test } from "node:test";
import { VirtualClock } from "../../../test/kit/virtual-clock.ts";
import { sha256 } from "../store/store.ts";
import { SchemaFetch } from "./schema-fetch.ts";

const TEXT = "type Query { a: Int }";
const HASH = sha256(TEXT);
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Whatever `answer` gives is what a node sends; undefined = it has no such content. */
function fetching(answer: (node: string, count: number) => string | undefined) {
  const clock = new VirtualClock();
  const asked: string[] = [];
  const stored: string[] = [];
  let arrivals = 0;
  const fetch = new SchemaFetch(
    {
      clock,
      random: { next: () => 0.5 },
      fetch: async (node) => {
        asked.push(node);
        const text = answer(node, asked.length);
        if (text === undefined) throw new Error("no such content");
        return text;
      },
      put: (text) => {
        stored.push(text);
        return sha256(text);
      },
    },
    () => void (arrivals += 1),
  );
  return { clock, fetch, asked, stored, arrivals: () => arrivals };
}

test("one node after the other is asked, and a content of another hash is as good as none", async () => {
  const { fetch, asked, stored, arrivals } = fetching((node) =>
    node === "c" ? TEXT : node === "b" ? "lie" : undefined,
  );
  fetch.want(new Map([[HASH, ["a", "b", "c", "d"]]]));
  await settle();
  assert.deepEqual([asked, stored, arrivals()], [["a", "b", "c"], [TEXT], 1]);
});

test("while nobody has it, it is asked for again, ever more seldom, and the reason is told", async () => {
  const { clock, fetch, asked } = fetching((_node, count) => (count > 3 ? TEXT : undefined));
  fetch.want(new Map([[HASH, ["a"]]]));
  const times: number[] = [];
  const start = clock.now();
  for (let tick = 0; tick < 40 && asked.length < 4; tick++) {
    await settle();
    if (times.length < asked.length) times.push(clock.now() - start);
    assert.equal(asked.length === 0 || asked.length === 4 || fetch.problem(HASH) === "no such content", true);
    await clock.advance(50);
  }
  assert.equal(asked.length, 4);
  const gaps = times.map((at, i) => at - (times[i - 1] ?? 0)).slice(1);
  assert.ok(
    gaps.every((gap, i) => gap > (gaps[i - 1] ?? 0)),
    String(gaps),
  );
});

test("what is wanted no more is not asked for again, and somebody new is asked at once", async () => {
  const { clock, fetch, asked } = fetching(() => undefined);
  fetch.want(new Map([[HASH, ["a"]]]));
  await settle();
  fetch.want(new Map([[HASH, ["b"]]]));
  await settle();
  assert.deepEqual(asked, ["a", "b"]);
  fetch.stop();
  await clock.advance(100_000);
  assert.deepEqual(asked, ["a", "b"]);
});

test("a content that the store does not keep is not fetched in a loop", async () => {
  const { fetch, asked } = fetching(() => TEXT);
  for (let i = 0; i < 5; i++) {
    fetch.want(new Map([[HASH, ["a"]]]));
    await settle();
  }
  assert.equal(asked.length, 1);
  assert.match(fetch.problem(HASH) ?? "", /store/);
});
