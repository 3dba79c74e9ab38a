// The compose thread may hang, crash or be ended when idle: callers see a time limit at worst.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { ComposeThread, type ThreadOptions } from "./thread.ts";

const LIMITS = { tokens: 4_000, depth: 20, aliases: 100, rootFields: 30, introspection: true };
const SERVICES = [{ name: "a", kind: "graphql", sdl: "type Query { a: Int b: Int }" }] as const;

function opened(t: TestContext, options: Partial<ThreadOptions>): ComposeThread {
  const thread = new ComposeThread(options);
  t.after(() => thread.close());
  return thread;
}

/** A thread program that hangs on documents that say so, and otherwise is the real one. */
const HANGING = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from "node:worker_threads";
    // Listeners are called in the order they came.
    parentPort.on("message", ({ document }) => {
      if (document === "hang") for (;;) {}
      if (document === "crash") process.exit(1);
    });
    await import(${JSON.stringify(new URL("./worker.ts", import.meta.url).href)});
  `)}`,
);

test("a document that hangs the thread fails alone; those that waited behind it are answered", async (t) => {
  const thread = opened(t, { url: HANGING, prepareTimeoutMs: 1_000, idleMs: 0 });
  await thread.compose("g", SERVICES);
  const [hung, waiting] = await Promise.allSettled([
    thread.prepare("g", "hang", undefined, LIMITS),
    thread.prepare("g", "{a}", undefined, LIMITS),
  ]);
  assert.equal(hung.status, "rejected");
  assert.equal((hung.reason as { code: string }).code, "ERR_QUERY_LIMIT");
  assert.equal(waiting.status === "fulfilled" && waiting.value.ok, true);
});

test("a thread that ends on a request fails that request and serves the next", async (t) => {
  const thread = opened(t, { url: HANGING, idleMs: 0 });
  await thread.compose("g", SERVICES);
  await assert.rejects(thread.prepare("g", "crash", undefined, LIMITS), { code: "ERR_INTERNAL" });
  assert.equal((await thread.prepare("g", "{b}", undefined, LIMITS)).ok, true);
});

test("a composition that takes too long is refused with its code", async (t) => {
  const thread = opened(t, { composeTimeoutMs: 1, idleMs: 0 });
  await assert.rejects(thread.compose("g", SERVICES), { code: "ERR_COMPOSE_TIMEOUT" });
});

test("an idle thread is ended and comes back with its graph", async (t) => {
  const thread = opened(t, { idleMs: 20 });
  await thread.compose("g", SERVICES);
  while (thread.running) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal((await thread.prepare("g", "{a}", undefined, LIMITS)).ok, true);
});

test("what waits has a bound, and closing fails it", async (t) => {
  const thread = opened(t, { idleMs: 0, pendingMax: 2 });
  const composing = thread.compose("g", SERVICES);
  const waiting = thread.prepare("g", "{a}", undefined, LIMITS);
  await assert.rejects(thread.prepare("g", "{b}", undefined, LIMITS), { code: "ERR_LIMIT" });
  const settled = Promise.allSettled([composing, waiting]);
  await thread.close();
  for (const result of await settled) assert.equal(result.status, "rejected");
});
