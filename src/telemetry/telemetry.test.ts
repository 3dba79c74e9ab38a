// Telemetry against a real OTLP receiver on a local socket, and what it costs and holds when it is off or misused.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createServer, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { createLog } from "./log.ts";
import { DurationSeries, LiveMeter, NO_METER, SERIES_MAX } from "./meter.ts";
import { exportedName, METRICS, type MetricName } from "./names.ts";
import { authInstruments, gatewayInstruments } from "./room-instruments.ts";
import { NO_TELEMETRY, startTelemetry, type TelemetryOptions } from "./telemetry.ts";
import { NO_TRACING, parseTraceparent } from "./tracing.ts";

interface Received {
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

async function receiver() {
  const received: Received[] = [];
  let status = 200;
  let changed = Promise.withResolvers<undefined>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      received.push({ path: request.url ?? "", headers: request.headers, body: Buffer.concat(chunks) });
      response.writeHead(status, { "content-type": "application/x-protobuf" }).end();
      changed.resolve(undefined);
      changed = Promise.withResolvers();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert(typeof address === "object" && address !== null);
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    received,
    answer: (next: number) => (status = next),
    until: async (holds: () => boolean) => {
      while (!holds()) await changed.promise;
    },
    bytes: (path: string) =>
      Buffer.concat(received.filter((each) => each.path === path).map(({ body }) => body)),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const silent = createLog({ part: "test", level: "error", to: () => undefined });

const options = (endpoint: string, more: Partial<TelemetryOptions> = {}): TelemetryOptions => ({
  part: "gateway",
  node: "edge1.acme.catalyst.internal",
  version: "0.1.0",
  otlp: { endpoint, headers: { "x-tenant": "acme" }, intervalMs: 60_000 },
  sampling: 0,
  log: silent,
  ...more,
});

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const sampled = `00-${TRACE}-00f067aa0ba902b7-01`;
const unsampled = `00-${TRACE}-00f067aa0ba902b7-00`;

test("metrics and sampled spans arrive at the collector when the part stops", async () => {
  await using collector = await receiver();
  const telemetry = await startTelemetry(options(collector.endpoint));
  const gateway = gatewayInstruments(telemetry.meter);
  gateway.request("query", "200", 0.012);
  gateway.fetch("reviews.acme.catalyst.internal", "ERR_SUBGRAPH_TIMEOUT", 1.5);
  gateway.planCache(true);
  authInstruments(telemetry.meter).verify(0.000_6, "ok");
  telemetry.meter.observe("xds.resources", () => [[12, "cluster"]]);
  telemetry.meter.observe("xds.pending", () => {
    throw new Error("one broken reading costs no other");
  });
  assert.equal(telemetry.tracing.start("unsampled", "server", unsampled), undefined);
  assert.equal(telemetry.tracing.start("by chance", "server", undefined), undefined);
  const span = telemetry.tracing.start("POST /graphql", "server", sampled, { "http.route": "/graphql" });
  assert.equal(span?.traceId, TRACE);
  const child = span?.child("fetch reviews", "client");
  assert.match(child?.traceparent ?? "", new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`));
  child?.fail("ERR_SUBGRAPH_TIMEOUT");
  child?.end();
  span?.end();
  await telemetry.stop();
  assert.deepEqual(
    new Set(
      collector.received.map(
        ({ path, headers }) => `${path} ${headers["content-type"]} ${String(headers["x-tenant"])}`,
      ),
    ),
    new Set(["/v1/metrics application/x-protobuf acme", "/v1/traces application/x-protobuf acme"]),
  );
  const metrics = collector.bytes("/v1/metrics");
  for (const text of [
    "catalyst.node",
    "edge1.acme.catalyst.internal",
    "catalyst.part",
    "catalyst.gateway.request.duration",
    "graphql.operation.type",
    "reviews.acme.catalyst.internal",
    "ERR_SUBGRAPH_TIMEOUT",
    "catalyst.gateway.plan.cache",
    "catalyst.auth.verify.duration",
    "catalyst.xds.resources",
    "process.cpu.time",
    "process.memory.usage",
    "nodejs.eventloop.delay.p99",
  ]) {
    assert.equal(metrics.includes(text), true, text);
  }
  const traces = collector.bytes("/v1/traces");
  for (const text of ["POST /graphql", "fetch reviews", "http.route", "error.type"]) {
    assert.equal(traces.includes(text), true, text);
  }
  assert.equal(traces.includes(Buffer.from(TRACE, "hex")), true);
});

test("without a caller's word chance decides", async () => {
  await using collector = await receiver();
  const draws = [0.4, 0.6];
  const random = { next: () => draws.shift() ?? 1 };
  const telemetry = await startTelemetry(options(collector.endpoint, { sampling: 0.5, random }));
  const first = telemetry.tracing.start("a", "server", "garbage");
  assert.match(first?.traceId ?? "", /^[0-9a-f]{32}$/);
  first?.end();
  assert.equal(telemetry.tracing.start("b", "server", undefined), undefined);
  await telemetry.stop();
});

test("a collector that is away is said once, and stopping ends in time", async () => {
  const lines: string[] = [];
  const log = createLog({ part: "gateway", level: "debug", to: (line) => void lines.push(line) });
  const collector = await receiver();
  collector.answer(400);
  const otlp = { endpoint: collector.endpoint, headers: {}, intervalMs: 100 };
  const telemetry = await startTelemetry(options("", { log, otlp }));
  await collector.until(() => collector.received.length >= 3);
  collector.answer(200);
  await collector.until(() => collector.received.length >= 6);
  await collector[Symbol.asyncDispose]();
  await telemetry.stop(200);
  const said = lines.map((line) => String(JSON.parse(line).text));
  assert.deepEqual(said.slice(0, 2), ["telemetry cannot be delivered", "telemetry is delivered again"]);
});

test("off is the same nothing for everyone, and loads no library", async () => {
  const { otlp: _, ...rest } = options("");
  const telemetry = await startTelemetry(rest);
  assert.equal(telemetry, NO_TELEMETRY);
  assert.equal(telemetry.meter, NO_METER);
  assert.equal(telemetry.tracing, NO_TRACING);
  gatewayInstruments(telemetry.meter).request("query", "200", 1);
  assert.equal(telemetry.tracing.start("x", "server", sampled), undefined);
  await telemetry.stop();
  const program = `
    import { registerHooks } from "node:module";
    const loaded = [];
    registerHooks({ load: (url, context, next) => { loaded.push(url); return next(url, context); } });
    const { startTelemetry } = await import(${JSON.stringify(join(import.meta.dirname, "telemetry.ts"))});
    await startTelemetry({ part: "a", node: "b", version: "c", sampling: 1, log: console });
    console.log(loaded.filter((url) => url.includes("opentelemetry")).length, loaded.length > 3);`;
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: import.meta.dirname,
  });
  assert.equal(stdout, "0 true\n");
});

test("10,000 random names end in one series", () => {
  const meter = new LiveMeter();
  const counter = meter.counter("gateway.rejected");
  for (let i = 0; i < 10_000; i++) counter.at(`name${i}`).add();
  const family = meter.counters.get("gateway.rejected");
  assert.equal(family?.size, SERIES_MAX + 1);
  assert.deepEqual(
    [...(family?.entries() ?? [])].filter(([first]) => first === "_other").map(([, , { value }]) => value),
    [10_000 - SERIES_MAX],
  );
  const durations = meter.histogram("gateway.subgraph.duration");
  for (let i = 0; i < 10_000; i++) durations.at(`name${i}`, i % 2 === 0 ? "" : `error${i}`).record(1);
  assert.equal((meter.histograms.get("gateway.subgraph.duration")?.size ?? 0) <= SERIES_MAX + 2, true);
});

test("a duration falls into the bucket whose bound it does not pass", () => {
  const series = new DurationSeries([0.1, 1]);
  for (const seconds of [0.05, 0.1, 0.100_1, 1, 2]) series.record(seconds);
  assert.deepEqual(series.counts, [2, 2, 1]);
  assert.deepEqual([series.count, series.min, series.max], [5, 0.05, 2]);
});

test("names are prefixed, but for the standard ones, and fit two labels", () => {
  assert.equal(exportedName("xds.acks"), "catalyst.xds.acks");
  assert.equal(exportedName("process.cpu.time"), "process.cpu.time");
  for (const name of Object.keys(METRICS) as MetricName[]) {
    const { labels, text } = METRICS[name];
    assert.equal(labels.length <= 2, true, name);
    assert.match(text, /^[a-z].*[^.]$/, name);
  }
});

test("traceparent is taken only when it is valid", () => {
  assert.deepEqual(parseTraceparent(sampled), { traceId: TRACE, spanId: "00f067aa0ba902b7", sampled: true });
  assert.equal(parseTraceparent(unsampled)?.sampled, false);
  assert.equal(parseTraceparent(`01-${TRACE}-00f067aa0ba902b7-01-later`)?.sampled, true);
  for (const wrong of [
    undefined,
    "",
    sampled.toUpperCase(),
    `${sampled}-more`,
    `ff-${TRACE}-00f067aa0ba902b7-01`,
    `00-${"0".repeat(32)}-00f067aa0ba902b7-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `01-${TRACE}-00f067aa0ba902b7-01-${"x".repeat(300)}`,
  ]) {
    assert.equal(parseTraceparent(wrong), undefined, wrong);
  }
});
