import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { start as startProducts } from "../../examples/products/products.ts";
import { start as startReviews } from "../../examples/reviews/service.ts";
import { needs } from "../kit/needs.ts";
import { ask, catalyst, freePort, get, processesOf, startProgram } from "../kit/node.ts";
import { temporaryFolder, TestNode, until } from "../kit/node.ts";

const QUERY = "{ topProducts(first: 1) { name reviews { author } } }";

test("processes one: the same node, one process beside Envoy", needs("envoy"), async (t) => {
  const products = await startProducts({ port: 0 });
  t.after(() => products.close());
  const node = await TestNode.start(t, {
    config: {
      processes: "one",
      services: [{ name: "products", protocol: "http:graphql", endpoint: products.url }],
    },
  });
  const reviews = await startReviews({ port: 0, node: node.sdkUrl });
  t.after(() => reviews.close());
  await reviews.ready;
  const token = await node.token();
  await until("federated", async () => (await ask(node.ingress, token, QUERY)).text.includes("Ada"));
  assert.equal((await get(`${node.ingress}/graphql`, undefined, { method: "POST", body: "{}" })).status, 401);
  const status = await node.call("status", {});
  assert.equal(status.processes, "one");
  assert.equal(status.health, "ok", JSON.stringify(status.problems));
  assert.equal(new Set(status.parts.filter(({ name }) => name !== "envoy").map(({ pid }) => pid)).size, 1);
  assert.equal(processesOf(node.folder).length, 2);

  const envoy = await node.part("envoy");
  process.kill(envoy.pid ?? 0, "SIGKILL");
  await until("Envoy is back", async () => {
    const { state, pid } = await node.part("envoy");
    return state === "ready" && pid !== envoy.pid;
  });
  await until("served again", async () => (await ask(node.ingress, token, QUERY)).text.includes("Ada"));
  assert.equal((await node.signal("SIGTERM")).code, 0);
  assert.deepEqual(processesOf(node.folder), []);
});

for (const processes of ["split", "one"] as const)
  test(`${processes}, without Envoy: the gateway serves ingress itself, says so, and asks for tokens`, async (t) => {
    const products = await startProducts({ port: 0 });
    t.after(() => products.close());
    const node = await TestNode.start(t, {
      config: {
        processes,
        envoy: { path: "/nonexistent/envoy" },
        services: [{ name: "products", protocol: "http:graphql", endpoint: products.url }],
      },
    });
    const token = await node.token();
    await until("served", async () =>
      (await ask(node.ingress, token, "{ topProducts(first: 1) { name } }")).text.includes("kettle"),
    );
    const body = JSON.stringify({ query: "{ topProducts { name } }" });
    const headers = { "content-type": "application/json", "x-catalyst-claims": "e30" };
    assert.equal(
      (await get(`${node.ingress}/graphql`, undefined, { method: "POST", body, headers })).status,
      401,
    );
    const { key } = await node.call("apikey.create", { principal: "ci" });
    assert.equal((await get(`${node.ingress}/auth/token`, key, { method: "POST" })).status, 200);
    const status = await node.call("status", {});
    assert.equal(status.envoy, "absent");
    assert.equal(status.health, "degraded");
    assert.match(status.problems[0]?.text ?? "", /^no-Envoy mode.*no Envoy at \/nonexistent\/envoy/);
    assert.match(node.log, /without Envoy/);
  });

test("an Envoy that cannot start here is given up, and the gateway takes its place", async (t) => {
  const folder = temporaryFolder(t);
  const fake = join(folder, "envoy");
  writeFileSync(fake, "#!/bin/sh\necho 'function not implemented' >&2\nexit 1\n", { mode: 0o755 });
  const node = await TestNode.start(t, { folder, config: { envoy: { path: fake } } });
  await until(
    "served",
    async () => (await get(`${node.ingress}/healthz`).catch(() => undefined))?.status === 200,
  );
  const envoy = await node.part("envoy");
  assert.equal(envoy.state, "absent");
  assert.match(envoy.reason ?? "", /function not implemented/);
  assert.match(node.log, /Envoy cannot start here/);
});

test("identity none: nobody is asked, and everybody is told", needs("envoy"), async (t) => {
  const products = await startProducts({ port: 0 });
  t.after(() => products.close());
  const node = await TestNode.start(t, {
    config: {
      identity: { mode: "none" },
      services: [{ name: "products", protocol: "http:graphql", endpoint: products.url }],
    },
  });
  const body = JSON.stringify({ query: "{ topProducts(first: 1) { name } }" });
  const headers = { "content-type": "application/json" };
  await until("served", async () => {
    const { text } = await get(`${node.ingress}/graphql`, undefined, { method: "POST", body, headers });
    return text.includes("kettle");
  });
  const status = await node.call("status", {});
  assert.equal(status.health, "ok");
  assert.deepEqual(
    status.problems.map(({ code }) => code),
    ["ERR_IDENTITY_NONE"],
  );
});

test("a recorded run is replayed to the same states", async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, "events.rec");
  const products = await startProducts({ port: 0 });
  t.after(() => products.close());
  const node = await TestNode.start(t, {
    folder,
    args: ["--record", file],
    config: { envoy: { disabled: true } },
  });
  await node.call("service.add", {
    name: "products",
    protocol: "http:graphql",
    endpoints: [products.url],
    waitMs: 10_000,
  });
  const { revision } = await node.call("status", {});
  assert.equal((await node.signal("SIGTERM")).code, 0);
  assert.ok(existsSync(file));
  const replayed = await catalyst(["replay", file, "--json"]);
  assert.equal(replayed.code, 0, replayed.err);
  const answer = JSON.parse(replayed.out) as {
    ok: boolean;
    revision: number;
    complete: boolean;
    checks: number;
  };
  assert.equal(answer.ok, true);
  assert.equal(answer.complete, true);
  assert.ok(answer.revision >= revision && answer.checks >= 1);

  writeFileSync(
    file,
    readFileSync(file, "utf8")
      .replace(/"down":3/g, '"down":1')
      .replace('"ok":true', '"ok":false'),
  );
  const forged = await catalyst(["replay", file]);
  assert.notEqual(forged.code, 0);
  assert.match(forged.err, /ERR_REPLAY_DIVERGED/);
});

test("each part alone, as containers start them, makes a node", async (t) => {
  const folder = temporaryFolder(t);
  const dataDir = join(folder, "node");
  const port = await freePort();
  const args = ["--data-dir", dataDir, "--ingress-listen", `127.0.0.1:${port}`, "--envoy-disabled"];
  const start = (role: string) => startProgram(t, ["run", "--role", role, ...args], folder);
  for (const role of ["orchestrator", "gateway", "auth"]) start(role);
  await until("they found each other", async () => {
    const { code, out } = await catalyst(["status", "--json", "--data-dir", dataDir]);
    if (code !== 0) return false;
    return (JSON.parse(out) as { health: string }).health === "ok";
  });
  assert.equal((await get(`http://127.0.0.1:${port}/healthz`)).status, 200);
  const second = start("orchestrator");
  assert.notEqual(await second.ended, 0);
  assert.match(second.output(), /ERR_NODE_RUNNING/);
  const wrong = await catalyst(["run", "--role", "envoi", ...args]);
  assert.equal(wrong.code, 64);
});
