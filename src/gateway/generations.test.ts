// Swaps: idempotent, coalesced, never losing a request, and undone by nothing.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Bench, type SubgraphOptions } from "./kit.common-case.ts";

const plain = (name: string, sdl: string, root: object): SubgraphOptions => ({
  name,
  kind: "graphql",
  sdl,
  root,
});
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test("a graph without services answers its health field; removing the last service unregisters it", async () => {
  await using bench = await Bench.open();
  const { service } = await bench.subgraph(plain("a", "type Query { a: Int }", { a: 1 }));
  assert.equal((await bench.apply([])).ok, true);
  assert.deepEqual((await bench.query("{_catalyst __typename}")).data, {
    _catalyst: "the graph has no services yet",
    __typename: "Query",
  });
  await bench.apply([service]);
  assert.deepEqual((await bench.query("{a}")).data, { a: 1 });
  await bench.apply([]);
  assert.equal((await bench.query("{a}")).errors?.[0]?.extensions.code, "ERR_QUERY_INVALID");
});

test("apply is idempotent by hash and refuses older revisions", async () => {
  await using bench = await Bench.open();
  const { service } = await bench.subgraph(plain("a", "type Query { a: Int }", { a: 1 }));
  const first = bench.config([service]);
  assert.deepEqual((await bench.gateway.apply(first)).serving, 1);
  const again = await bench.gateway.apply({ ...first, revision: 7 });
  assert.deepEqual([again.ok, again.serving, again.composeMs], [true, 7, 0]);
  assert.equal((await bench.gateway.status()).swaps, 1);
  const older = await bench.gateway.apply({ ...bench.config([]), revision: 6 });
  assert.deepEqual([older.ok, older.serving, older.error?.code], [false, 7, "ERR_REVISION_STALE"]);
  assert.deepEqual((await bench.query("{a}")).data, { a: 1 });
});

test("of calls that come while one is at work only the newest is done, and all that waited get its answer", async () => {
  await using bench = await Bench.open();
  const { service } = await bench.subgraph(plain("a", "type Query { a: Int }", { a: 1 }));
  const configs = Array.from({ length: 10 }, (_, index) =>
    bench.config([{ ...service, timeoutMs: 1_000 + index }]),
  );
  const applied = await Promise.all(configs.map((config) => bench.gateway.apply(config)));
  assert.deepEqual(
    applied.map(({ serving }) => serving),
    [1, 10, 10, 10, 10, 10, 10, 10, 10, 10],
  );
  assert.equal((await bench.gateway.status()).swaps, 2);
});

test("only addresses changed: nothing is composed and prepared documents stay", async () => {
  await using bench = await Bench.open();
  const one = await bench.subgraph(plain("a", "type Query { a: Int }", { a: 1 }));
  const two = await bench.subgraph(plain("a", "type Query { a: Int }", { a: 2 }));
  await bench.apply([one.service]);
  assert.deepEqual((await bench.query("{a}")).data, { a: 1 });
  const applied = await bench.apply([two.service]);
  assert.equal(applied.composeMs, 0);
  assert.equal((await bench.gateway.status()).documents, 1);
  assert.deepEqual((await bench.query("{a}")).data, { a: 2 });
});

test("a new graph has the documents in use prepared before it serves", async () => {
  await using bench = await Bench.open();
  const a = await bench.subgraph(plain("a", "type Query { a: Int gone: Int }", { a: 1 }));
  const slimmer = await bench.subgraph(plain("a", "type Query { a: Int }", { a: 1 }));
  await bench.apply([a.service]);
  await bench.query("{a}");
  await bench.query("{gone}");
  // Refused here, and no reason to let the new graph wait.
  await bench.query("{missing}");
  await bench.post({ query: "query A{a} query B{x:a}", operationName: "B" });
  const applied = await bench.apply([slimmer.service]);
  assert.equal(applied.warmed, 2);
  assert.equal((await bench.gateway.status()).documents, 3);
  assert.equal((await bench.query("{gone}")).errors?.[0]?.extensions.code, "ERR_QUERY_INVALID");
});

test("a bad schema is quarantined by name and the rest serves; repaired, it comes back", async () => {
  await using bench = await Bench.open();
  const good = await bench.subgraph(plain("good", "type Query { a: Int }", { a: 1 }));
  const bad = await bench.subgraph(plain("bad", "type Query { b: Int }", { b: 2 }));
  const applied = await bench.apply([good.service, { ...bad.service, sdl: "type Query { b: Nope }" }]);
  assert.equal(applied.ok, true);
  assert.deepEqual(
    applied.quarantined.map(({ service, code }) => [service, code]),
    [["bad.acme.catalyst.internal", "ERR_SCHEMA_INVALID"]],
  );
  assert.deepEqual((await bench.gateway.status()).quarantined, applied.quarantined);
  assert.deepEqual((await bench.query("{a}")).data, { a: 1 });
  await bench.apply([good.service, bad.service]);
  assert.deepEqual((await bench.query("{a b}")).data, { a: 1, b: 2 });
});

/** The compose thread, but for ever at a composition that has a service of this name. */
const ENDLESS = "endless.acme.catalyst.internal";
const HANGING = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from "node:worker_threads";
    // Listeners are called in the order they came.
    parentPort.on("message", ({ call, services }) => {
      while (call === "compose" && services.some(({ name }) => name === "${ENDLESS}"));
    });
    await import(${JSON.stringify(new URL("./compose/worker.ts", import.meta.url).href)});
  `)}`,
);

test("a composition out of time leaves the last graph serving", async () => {
  await using bench = await Bench.open({ thread: { composeTimeoutMs: 4_000, url: HANGING } });
  const a = await bench.subgraph(plain("a", "type Query { a: Int }", { a: 1 }));
  await bench.apply([a.service]);
  const applied = await bench.apply([a.service, { ...a.service, name: ENDLESS }]);
  assert.equal(applied.ok, false);
  assert.equal(applied.error?.code, "ERR_COMPOSE_TIMEOUT");
  assert.deepEqual((await bench.query("{a}")).data, { a: 1 });
});

test("check says what apply would say and changes nothing", async () => {
  await using bench = await Bench.open();
  const a = await bench.subgraph(plain("a", "type Query { a: Int }", { a: 1 }));
  await bench.apply([a.service]);
  const checked = await bench.gateway.check(bench.config([{ ...a.service, sdl: "type Query {" }]));
  assert.equal(checked.quarantined[0]?.code, "ERR_SCHEMA_INVALID");
  assert.equal(checked.serving, 1);
  assert.deepEqual((await bench.query("{a}")).data, { a: 1 });
});

test("no request is lost across swaps: fast ones, and queries and mutations that outlive several graphs", async () => {
  await using bench = await Bench.open();
  const slowly = async () => (await wait(250), 1);
  const base = await bench.subgraph(
    plain("base", "type Query { fast: Int slow: Int } type Mutation { change: Int }", {
      fast: 1,
      slow: slowly,
      change: slowly,
    }),
  );
  const extra = await bench.subgraph(plain("extra", "type Query { x: Int }", { x: 1 }));
  await bench.apply([base.service]);
  let stop = false;
  const answers: string[] = [];
  const loop = async (query: string) => {
    while (!stop) answers.push((await bench.post({ query })).text);
  };
  const loops = [loop("{fast}"), loop("{fast}"), loop("{slow}"), loop("{slow}"), loop("mutation{change}")];
  for (let swap = 0; swap < 12; swap++) {
    const sdl = `type Query { x: Int y${swap}: Int }`;
    assert.equal((await bench.apply([base.service, { ...extra.service, sdl }])).ok, true);
    await wait(50);
  }
  stop = true;
  await Promise.all(loops);
  const right = new Set(['{"data":{"fast":1}}', '{"data":{"slow":1}}', '{"data":{"change":1}}']);
  assert.deepEqual(
    answers.filter((answer) => !right.has(answer)),
    [],
  );
  const { generationsAlive, swaps, requestsActive } = await bench.gateway.status();
  assert.deepEqual([generationsAlive, swaps, requestsActive], [1, 13, 0]);
});
