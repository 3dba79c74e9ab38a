import assert from "node:assert/strict";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import type { Clock, RunnerContext } from "#kernel";
import type { ProbeWant } from "#routing";
import { systemClock, systemRandom } from "../../ports.ts";
import { Prober } from "./prober.ts";
import { TICK_MS, Wheel } from "./wheel.ts";

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

interface Result {
  readonly kind: string;
  readonly service?: string;
  readonly ok?: boolean;
  readonly reason?: string;
}

const serve = async (t: TestContext, listener: RequestListener): Promise<{ url: string; server: Server }> => {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`, server };
};

const want = (url: string, more: Partial<ProbeWant> = {}): ProbeWant => ({
  service: "s",
  url,
  kind: "graphql",
  intervalMs: 30,
  timeoutMs: 10_000,
  ...more,
});

/** Runs probes and waits for `count` results. */
const results = async (t: TestContext, wants: readonly ProbeWant[], count: number): Promise<Result[]> => {
  const prober = new Prober({ clock: systemClock, random: systemRandom });
  t.after(() => prober.stop());
  const seen: Result[] = [];
  await new Promise<void>((resolve) => {
    const context: RunnerContext = {
      clock: systemClock,
      random: systemRandom,
      log: silent,
      revision: 1,
      emit: (event) => {
        seen.push(event);
        if (seen.length === count) resolve();
      },
    };
    const effects = wants.map((each, i) => ({
      kind: "probe" as const,
      key: `${each.service} ${i}`,
      want: each,
    }));
    void prober.runner.batch(effects, context, new AbortController().signal);
  });
  prober.stop();
  return seen;
};

test("a GraphQL service that answers is up, over one kept connection", async (t) => {
  const { url, server } = await serve(t, (_, answer) => answer.end('{"data":{"__typename":"Query"}}'));
  let connections = 0;
  server.on("connection", () => (connections += 1));
  const seen = await results(t, [want(url)], 3);
  assert.deepEqual(
    seen.map((each) => each.ok),
    [true, true, true],
  );
  assert.equal(connections, 1);
});

for (const [name, listener, more, reason] of [
  ["HTML is not GraphQL", (_, a) => a.end("<html>"), {}, "the answer is not GraphQL"],
  ["a status is a reason", (_, a) => a.writeHead(503).end(), { kind: "http" }, "HTTP 503"],
  ["silence ends in time", () => {}, { timeoutMs: 300 }, "no answer within 300 ms"],
  ["a flood is cut", (_, a) => a.end("x".repeat(1_000_000)), {}, "the answer is over 64 KiB"],
  [
    "a drip ends in time",
    (_, a) => {
      const drip = setInterval(() => a.write(" "), 20);
      a.on("close", () => clearInterval(drip));
    },
    { timeoutMs: 300 },
    "no answer within 300 ms",
  ],
] as const satisfies readonly (readonly [string, RequestListener, Partial<ProbeWant>, string])[])
  test(name, async (t) => {
    const { url } = await serve(t, listener);
    assert.deepEqual(await results(t, [want(url, more)], 1), [
      { kind: "probe.result", service: "s", endpoint: url, ok: false, reason },
    ]);
  });

test("http asks its path and takes a redirect for life; tcp needs no answer", async (t) => {
  const paths: string[] = [];
  const { url } = await serve(t, (asked, answer) => {
    paths.push(asked.url ?? "");
    answer.writeHead(302).end("x".repeat(200_000));
  });
  const seen = await results(
    t,
    [want(url, { kind: "http", path: "/health" }), want(url, { kind: "tcp" })],
    2,
  );
  assert.deepEqual(
    seen.map((each) => each.ok),
    [true, true],
  );
  assert.deepEqual(paths, ["/health"]);
});

test("a closed port says so", async (t) => {
  const { url, server } = await serve(t, () => {});
  server.close();
  for (const kind of ["tcp", "http"] as const) {
    const [seen] = await results(t, [want(url, { kind })], 1);
    assert.equal(seen?.reason, `connection refused by ${new URL(url).host}`);
  }
});

test("a thousand endpoints are asked with few connections at once, each first at once", async (t) => {
  let open = 0;
  let most = 0;
  const { url, server } = await serve(t, (_, answer) => answer.end('{"data":{"__typename":"Query"}}'));
  server.on("connection", (socket) => {
    most = Math.max(most, (open += 1));
    socket.on("close", () => (open -= 1));
  });
  const wants = Array.from({ length: 1_000 }, (_, i) => want(url, { service: `s${i}`, intervalMs: 60_000 }));
  const seen = await results(t, wants, 1_000);
  assert.equal(new Set(seen.map((each) => each.service)).size, 1_000);
  assert.ok(most <= 128, String(most));
});

test("the wheel fires each at its time, never early, and keeps no timer when empty", () => {
  let now = 0;
  let timers: { at: number; run: () => void }[] = [];
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after: (ms, run) => {
      const timer = { at: now + ms, run };
      timers.push(timer);
      return () => (timers = timers.filter((each) => each !== timer));
    },
  };
  const wheel = new Wheel(clock);
  const fired: [number, number][] = [];
  for (const ms of [0, 10, 1_000, 60_000]) wheel.after(ms, () => fired.push([ms, now]));
  wheel.after(500, () => assert.fail("was cancelled"))();
  while (timers.length > 0) {
    const [next] = timers.splice(0, 1);
    now = next?.at ?? now;
    next?.run();
  }
  assert.deepEqual(
    fired.map(([ms]) => ms),
    [0, 10, 1_000, 60_000],
  );
  for (const [ms, at] of fired) assert.ok(at >= ms && at <= ms + 2 * TICK_MS, `${ms} fired at ${at}`);
  assert.equal(wheel.size, 0);
});
