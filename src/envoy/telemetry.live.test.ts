// Envoy's own spans and metrics, by a real Envoy at a real receiver: they join the trace of what stands behind, arrive with
// the headers that were asked for, and say no more than they should. What the headers say is in no resource and no dump. A
// collector that is away, or whose name does not resolve, changes nothing for clients.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { needs } from "../../test/kit/needs.ts";
import { otlpReceiver } from "../../test/kit/otlp.ts";
import { askEnvoy } from "./process/admin.ts";
import { bootstrap, writeBootstrap } from "./process/bootstrap.ts";
import type { CollectorOptions } from "./process/collector.ts";
import { publishedResources } from "./resources.ts";
import { ask, echo, envoyBinary, eventually, folder, httpService, serve, startNode } from "./testing.ts";
import type { NodeOptions } from "./testing.ts";
import type { EnvoyTelemetry } from "./translate/index.ts";

const SECRET = "Bearer bird%REQ(:path)%";
const FILES = "files.acme.catalyst.internal";
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";

interface Told {
  readonly base: { readonly telemetry: EnvoyTelemetry };
  readonly collector: CollectorOptions;
}

function told(endpoint: string, more: Partial<CollectorOptions> = {}): Told {
  const collector: CollectorOptions = {
    endpoint,
    headers: { authorization: SECRET, "x-tenant": "acme" },
    sampling: 1,
    version: "0.1.0",
    intervalMs: 200,
    roots: "",
    ...more,
  };
  return { base: { telemetry: { ...collector, headers: Object.keys(collector.headers) } }, collector };
}

const validate = async (file: string): Promise<ReturnType<typeof spawnSync>> =>
  spawnSync(await envoyBinary(), ["--mode", "validate", "-c", file, "--log-level", "warning"], {
    encoding: "utf8",
  });

test("spans and metrics arrive, join the trace, and keep secrets", needs("envoy"), async (t) => {
  const receiver = await otlpReceiver(t);
  const files = await serve(t, echo("files"));
  const node = await startNode(t, {
    ...told(`http://localhost:${receiver.port}/base/`),
    services: [httpService(FILES, [files], { ingress: { prefix: "/files" } })],
  });
  const send = async (path: string, headers: Readonly<Record<string, string>> = {}): Promise<string> => {
    const answer = await ask(node.port, { path, headers: { ...node.signer.bearer(), ...headers } });
    assert.equal(answer.status, 200, path);
    const { headers: arrived } = JSON.parse(answer.text) as { headers: Record<string, string> };
    return arrived["traceparent"] ?? "";
  };
  const [, trace = "", parent = ""] = (await send("/files/a?secret=bird-query")).split("-");
  assert.match(
    await send("/graphql", { traceparent: `00-${TRACE}-00f067aa0ba902b7-01` }),
    new RegExp(`^00-${TRACE}-.*-01$`),
  );
  const unsampled = `00-${TRACE.replaceAll("4", "5")}-00f067aa0ba902b7-00`;
  assert.match(await send("/graphql", { traceparent: unsampled }), /-00$/, "who decided against is heard");
  await eventually(() => receiver.spans().some(({ traceId }) => traceId === TRACE), "spans arrive");
  await eventually(() => receiver.metrics().length > 0, "metrics arrive");

  const spans = receiver.spans();
  const upstream = spans.find(({ spanId }) => spanId === parent);
  assert.deepEqual([upstream?.traceId, upstream?.name, upstream?.part], [trace, "GET", "envoy"]);
  const server = spans.find(({ spanId }) => spanId === upstream?.parentId);
  assert.deepEqual([server?.name, server?.attributes["url.path"]], [`GET ${FILES}`, "/files/a"]);
  assert.equal(spans.find(({ name }) => name === "GET graphql")?.parentId, "00f067aa0ba902b7");
  assert.ok(!spans.some(({ traceId }) => traceId.startsWith("5bf")), "not sampled");

  const seen = () =>
    new Set(
      receiver
        .metrics()
        .flatMap(({ name, attributes }) =>
          attributes.map((each) => `${name} ${each["envoy.cluster_name"] ?? ""}`),
        ),
    );
  const service = "svc_files_acme_catalyst_internal";
  await eventually(() => seen().has(`envoy.cluster.upstream_rq_time ${service}`), "metrics of the service");
  assert.ok(seen().has("envoy.http.downstream_rq_total "));
  const families = new Set([...seen()].map((each) => each.split(" ")[0] ?? ""));
  assert.ok(families.size < 40, [...families].join("\n"));
  assert.ok(![...families].some((each) => each.includes("acme")), "no name of a service in that of a metric");

  for (const { path, headers } of receiver.exports) {
    assert.match(path, /^\/base\/v1\/(traces|metrics)$/);
    assert.deepEqual([headers["authorization"], headers["x-tenant"]], [SECRET, "acme"]);
  }
  const dump = (await askEnvoy(node.adminSocket, "/config_dump?include_eds")).body;
  assert.match(dump, /otlp-header:authorization/);
  const sent = Buffer.concat(receiver.exports.map(({ body }) => body)).toString("latin1");
  for (const text of [dump, JSON.stringify(publishedResources(node.server)), sent])
    assert.equal(text.search(/bird/), -1);
});

test("without a collector clients notice nothing", needs("envoy"), async (t) => {
  const away = await otlpReceiver(t);
  await away.close();
  for (const endpoint of [`http://127.0.0.1:${away.port}`, "http://nowhere.invalid:4318"]) {
    const node = await startNode(t, told(endpoint));
    for (let i = 0; i < 20; i += 1)
      assert.equal((await ask(node.port, { path: "/graphql", headers: node.signer.bearer() })).status, 200);
  }
  const back = await otlpReceiver(t);
  const port = back.port;
  await back.close();
  const node = await startNode(t, told(`http://127.0.0.1:${port}`));
  await ask(node.port, { path: "/graphql", headers: node.signer.bearer() });
  const again = await otlpReceiver(t, { port });
  await eventually(() => again.metrics().length > 0, "metrics arrive when the collector is back");
});

test("over TLS the collector's certificate must be its own", needs("envoy", "openssl"), async (t) => {
  const dir = await folder(t);
  const certificate = (name: string): { readonly cert: string; readonly key: string } => {
    const [key, cert] = [join(dir, `${name}.key`), join(dir, `${name}.pem`)];
    const kind = [
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "2",
    ];
    const subject = ["-subj", "/CN=collector", "-addext", `subjectAltName=${name}`];
    execFileSync("openssl", ["req", ...kind, ...subject, "-keyout", key, "-out", cert], { stdio: "ignore" });
    return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
  };
  const own = certificate("DNS:localhost");
  const other = certificate("DNS:elsewhere.test");
  const [good, stranger] = [await otlpReceiver(t, { tls: own }), await otlpReceiver(t, { tls: other })];
  const start = (port: number, roots: string): ReturnType<typeof startNode> =>
    startNode(t, told(`https://localhost:${port}`, { roots }) satisfies NodeOptions);
  await start(good.port, own.cert);
  await eventually(() => good.metrics().length > 0, "metrics arrive");
  assert.equal(good.exports[0]?.headers["authorization"], SECRET);
  const { adminSocket } = await start(stranger.port, other.cert);
  await eventually(
    async () =>
      /otlp\.ssl\.fail_verify_san: [1-9]/.test((await askEnvoy(adminSocket, "/stats?filter=otlp")).body),
    "another host's certificate is refused",
  );
  assert.equal(stranger.exports.length, 0);
});

test("the bootstrap knows of a collector only when there is one", needs("envoy"), async (t) => {
  const dir = await folder(t);
  const plain = { node: "n", organization: "o", xdsSocket: join(dir, "x"), adminSocket: join(dir, "a") };
  assert.deepEqual(Object.keys(bootstrap(plain)).toSorted(), [
    "admin",
    "deferred_stat_options",
    "dynamic_resources",
    "node",
    "overload_manager",
    "static_resources",
  ]);
  assert.doesNotMatch(JSON.stringify(bootstrap(plain)), /otlp|telemetry|stats_sink|stats_flush/);
  for (const endpoint of ["http://[::1]:4318", "https://127.0.0.1", "http://collector.test/a/b"]) {
    const roots = endpoint.startsWith("https")
      ? readFileSync("/etc/ssl/certs/ca-certificates.crt", "utf8")
      : "";
    writeBootstrap(join(dir, "b.json"), { ...plain, telemetry: told(endpoint, { roots }).collector });
    const { status, stderr } = await validate(join(dir, "b.json"));
    assert.equal(status, 0, String(stderr));
    assert.doesNotMatch(String(stderr), /deprecated|unknown field/i);
  }
  for (const headers of [{ host: "a" }, { "a b": "c" }, { a: "b\nc: d" }])
    assert.throws(
      () => bootstrap({ ...plain, telemetry: told("http://127.0.0.1:1", { headers }).collector }),
      { code: "ERR_INVALID_ARGUMENT" },
    );
});
