import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { start as startProducts } from "../../examples/products/products.ts";
import { start as startReviews } from "../../examples/reviews/service.ts";
import { needs } from "../kit/needs.ts";
import { ask, catalyst, get, TestNode, until } from "../kit/node.ts";

async function httpService(t: TestContext, port = 0): Promise<{ url: string; port: number; close(): void }> {
  const server = createServer((request, response) => response.end(`hello from ${request.url}`));
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  t.after(close);
  const found = (server.address() as AddressInfo).port;
  return { url: `http://127.0.0.1:${found}`, port: found, close };
}

test(
  "a service added by the command line is served, survives a restart, and goes",
  needs("envoy"),
  async (t) => {
    const service = await httpService(t);
    const node = await TestNode.start(t);
    const at = ["--data-dir", node.dataDir];
    const added = await catalyst([
      "service",
      "add",
      "files",
      service.url,
      "--prefix",
      "/files",
      "--json",
      ...at,
    ]);
    assert.equal(added.code, 0, added.err);
    const token = await node.token();
    assert.equal((await get(`${node.ingress}/files/x`, token)).text, "hello from /files/x");
    assert.equal((await get(`${node.ingress}/files/x`)).status, 401);

    assert.equal((await node.signal("SIGTERM")).code, 0);
    const again = await TestNode.start(t, { folder: node.folder });
    const restored = await again.call("service.show", { name: "files" });
    assert.equal(restored.owner.kind, "admin");
    await until("served again", async () => {
      return (await get(`${again.ingress}/files/y`, await again.token())).text === "hello from /files/y";
    });

    const removed = await catalyst(["service", "remove", "files", ...at]);
    assert.equal(removed.code, 0, removed.err);
    const token2 = await again.token();
    await until("gone", async () => (await get(`${again.ingress}/files/x`, token2)).status === 404);
  },
);

test(
  "an unhealthy service leaves the graph and Envoy, and comes back by itself",
  needs("envoy"),
  async (t) => {
    const http = await httpService(t);
    const products = await startProducts({ port: 0 });
    t.after(() => products.close());
    const probe = { interval: "100ms", timeout: "500ms", down: 2 };
    const node = await TestNode.start(t, {
      config: {
        services: [
          { name: "products", protocol: "http:graphql", endpoint: products.url, probe },
          { name: "files", protocol: "http", endpoint: http.url, ingress: { prefix: "/files" }, probe },
        ],
      },
    });
    const token = await node.token();
    const query = "{ topProducts(first: 1) { name } }";
    await until("both served", async () => {
      const { json } = await ask(node.ingress, token, query);
      const files = await get(`${node.ingress}/files/`, token);
      return files.status === 200 && JSON.stringify(json).includes("Copper kettle");
    });
    await products.close();
    http.close();
    await until("both gone", async () => {
      const { text } = await ask(node.ingress, token, query);
      return text.includes("errors") && (await get(`${node.ingress}/files/`, token)).status === 404;
    });
    // The graph fails as soon as nobody answers there; that the probes noticed may come after.
    const failed = async (): Promise<string[]> =>
      (await node.call("status", {})).problems
        .filter(({ code }) => code === "ERR_PROBE_FAILED")
        .map(({ text }) => text);
    await until("both known to be down", async () => (await failed()).length === 2);
    assert.equal((await node.call("status", {})).health, "degraded");
    for (const text of await failed()) assert.match(text, /is down: connection refused/);

    const back = await startProducts({ port: Number(new URL(products.url).port) });
    t.after(() => back.close());
    await httpService(t, http.port);
    await until("both back", async () => {
      const { text } = await ask(node.ingress, token, query);
      return text.includes("Copper kettle") && (await get(`${node.ingress}/files/`, token)).status === 200;
    });
    await until("health ok", async () => (await node.call("status", {})).health === "ok");
  },
);

test("what the configuration owns is refused, with its line", async (t) => {
  const node = await TestNode.start(t, {
    config: {
      envoy: { disabled: true },
      services: [{ name: "files", protocol: "http", endpoint: "http://127.0.0.1:9" }],
    },
  });
  const at = ["--data-dir", node.dataDir];
  const removed = await catalyst(["service", "remove", "files", ...at]);
  assert.equal(removed.code, 1);
  assert.match(removed.err, /ERR_OWNED_BY_CONFIG/);
  assert.match(removed.err, /catalyst\.json line \d+/);
  const added = await catalyst(["service", "add", "files", "http://127.0.0.1:10", ...at]);
  assert.match(added.err, /ERR_OWNED_BY_CONFIG/);
});

test(
  "a service registers itself, again after a restart of the node, and is told to drain",
  needs("envoy"),
  async (t) => {
    const node = await TestNode.start(t);
    const products = await startProducts({ port: 0 });
    t.after(() => products.close());
    await node.call("service.add", { name: "products", protocol: "http:graphql", endpoints: [products.url] });
    const reviews = await startReviews({ port: 0, node: node.sdkUrl });
    t.after(() => reviews.close());
    await reviews.ready;
    const query = "{ topProducts(first: 1) { name reviews { author } } }";
    const federated = (of: TestNode) => async (): Promise<boolean> =>
      (await ask(of.ingress, await of.token(), query)).text.includes("Ada");
    await until("in the graph", federated(node));
    assert.equal((await node.call("service.show", { name: "reviews" })).owner.kind, "sdk");

    assert.equal((await node.signal("SIGTERM")).code, 0);
    const again = await TestNode.start(t, { folder: node.folder });
    await until("in the graph again", federated(again));
  },
);

test("API keys: exchanged, sent directly, revoked; keys: rotated, revoked", needs("envoy"), async (t) => {
  const service = await httpService(t);
  const node = await TestNode.start(t, {
    config: {
      services: [{ name: "files", protocol: "http", endpoint: service.url, ingress: { prefix: "/files" } }],
    },
  });
  const url = `${node.ingress}/files/`;
  const { key, id } = await node.call("apikey.create", { principal: "ci" });
  const exchanged = await get(`${node.ingress}/auth/token`, key, { method: "POST" });
  const { access_token: token } = JSON.parse(exchanged.text) as { access_token: string };
  await until("served", async () => (await get(url, token)).status === 200);
  assert.equal((await get(url, key)).status, 200, "the key itself works too");
  const other = `${key.slice(0, -1)}${key.endsWith("x") ? "y" : "x"}`;
  assert.equal((await get(url, other)).status, 401);

  const scoped = await node.call("apikey.create", { principal: "ci", scopes: ["other"] });
  assert.equal((await get(url, scoped.key)).status, 403);

  await node.call("apikey.revoke", { id });
  await until("the key is refused", async () => (await get(url, key)).status === 401);
  assert.equal((await get(url, token)).status, 200, "its token lives on for its 5 minutes");

  const [old] = await node.call("key.list", {});
  await node.call("key.rotate", { now: true });
  const fresh = await node.token();
  await until("the new key is in force", async () => (await get(url, fresh)).status === 200);
  assert.equal((await get(url, token)).status, 200, "overlap");
  await node.call("key.revoke", { kid: old?.kid ?? "" });
  await until("the old key is refused", async () => (await get(url, token)).status === 401);
  assert.equal((await get(url, fresh)).status, 200);
});
