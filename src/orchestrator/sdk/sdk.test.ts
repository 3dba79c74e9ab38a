import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { register } from "catalyst-sdk";
import { nodeLoop } from "../../../test/kit/node-loop.ts";
import { serviceParser } from "../parse-service.ts";
import { systemClock, systemRandom } from "../ports.ts";
import { Store } from "../store/store.ts";
import { Leases } from "./leases.ts";
import { SDK_LIMITS, SdkServer } from "./server.ts";

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const ports = { clock: systemClock, random: systemRandom, log: silent };
const SERVICE = { name: "reviews", protocol: "http:graphql", endpoint: "http://127.0.0.1:1/graphql" };

async function serve(t: TestContext, folder?: string) {
  const dir = folder ?? mkdtempSync(join(tmpdir(), "catalyst-sdk-"));
  if (folder === undefined) t.after(() => rmSync(dir, { recursive: true, force: true }));
  const { loop, service } = nodeLoop({ ports });
  const store = new Store(join(dir, "state.db"), () => Date.now());
  const leases = new Leases(loop, systemClock, store, "run1");
  const socket = join(dir, "sdk.sock");
  const node = "edge1.acme.catalyst.internal";
  const parseService = serviceParser("acme.catalyst.internal");
  const server = new SdkServer({ socket, node, leases, parseService, log: silent });
  await server.listen();
  let stopped = false;
  const stop = async (): Promise<void> => {
    if (stopped) return;
    stopped = true;
    await server.stop();
    await loop.stop();
    store.close();
  };
  t.after(stop);
  return { dir, socket, service, leases, loop, stop, url: `unix:${socket}` };
}

interface Answered {
  readonly status: number;
  readonly json: {
    readonly lease?: string;
    readonly name?: string;
    readonly error?: { readonly code: string; readonly message: string };
  };
}

const send = (socket: string, method: string, path: string, body?: string): Promise<Answered> =>
  new Promise((resolve, reject) => {
    const sent = request({ socketPath: socket, method, path, agent: false }, (answer) => {
      let text = "";
      answer.on("data", (chunk: Buffer) => (text += chunk.toString()));
      answer.on("end", () =>
        resolve({
          status: answer.statusCode ?? 0,
          json: text === "" ? {} : (JSON.parse(text) as Answered["json"]),
        }),
      );
    });
    sent.on("error", reject);
    sent.end(body);
  });

test("a service registers, renews, appears with its lease, and leaves", async (t) => {
  const { socket, service } = await serve(t);
  assert.equal(statSync(socket).mode & 0o777, 0o600);
  const first = await send(socket, "POST", "/v1/services", JSON.stringify(SERVICE));
  assert.equal(first.status, 200);
  assert.equal(first.json.name, "reviews.acme.catalyst.internal");
  assert.equal(service("reviews")?.owner.kind, "sdk");
  const lease = first.json.lease ?? "";
  const renewed = await send(socket, "POST", "/v1/services", JSON.stringify({ ...SERVICE, lease }));
  assert.equal(renewed.json.lease, lease);
  assert.equal(service("reviews")?.endpoints.length, 1);
  assert.equal((await send(socket, "DELETE", `/v1/services/${lease}`)).status, 204);
  assert.equal(service("reviews"), undefined);
  assert.equal((await send(socket, "DELETE", `/v1/services/${lease}`)).status, 404);
});

for (const [what, body, status, code] of [
  ["no JSON", "{", 400, "ERR_INVALID_ARGUMENT"],
  ["no object", "[]", 400, "ERR_INVALID_ARGUMENT"],
  ["no protocol", JSON.stringify({ name: "a", endpoint: "http://h:1" }), 400, "ERR_INVALID_ARGUMENT"],
  ["an unknown field", JSON.stringify({ ...SERVICE, nmae: "x" }), 400, "ERR_INVALID_ARGUMENT"],
  ["another organization", JSON.stringify({ ...SERVICE, name: "a.b.c" }), 400, "ERR_INVALID_ARGUMENT"],
  ["a lease that is none", JSON.stringify({ ...SERVICE, lease: "../x" }), 400, "ERR_INVALID_ARGUMENT"],
  [
    "too much",
    JSON.stringify({ ...SERVICE, labels: { a: "x".repeat(SDK_LIMITS.bodyBytes) } }),
    429,
    "ERR_LIMIT",
  ],
] as const)
  test(`refused with its reason: ${what}`, async (t) => {
    const { socket, service } = await serve(t);
    const answered = await send(socket, "POST", "/v1/services", body);
    assert.equal(answered.status, status, JSON.stringify(answered.json));
    assert.equal(answered.json.error?.code, code);
    assert.equal(service("reviews"), undefined);
  });

test("a name that the configuration owns is refused with its line", async (t) => {
  const { socket, loop } = await serve(t);
  await loop.submit({
    kind: "config.services",
    services: [
      {
        name: "reviews.acme.catalyst.internal",
        protocol: "http:graphql",
        owner: { kind: "config", file: "catalyst.json", line: 7 },
        endpoints: ["http://127.0.0.1:2/graphql"],
        probe: { kind: "graphql", intervalMs: 1_000, timeoutMs: 1_000, up: 1, down: 1 },
        timeoutMs: 1_000,
        export: false,
      },
    ],
  });
  const { status, json } = await send(socket, "POST", "/v1/services", JSON.stringify(SERVICE));
  assert.equal(status, 409);
  assert.match(json.error?.message ?? "", /catalyst\.json line 7/);
});

test("a restarted orchestrator takes leases of this run over, and none of an earlier one", async (t) => {
  const first = await serve(t);
  const { json } = await send(first.socket, "POST", "/v1/services", JSON.stringify(SERVICE));
  await first.stop();
  const second = await serve(t, first.dir);
  await second.leases.restore();
  assert.equal(second.service("reviews")?.endpoints[0]?.lease?.id, json.lease);
  await second.stop();
  const store = new Store(join(first.dir, "state.db"), () => Date.now());
  assert.deepEqual(store.leases("another run"), []);
  store.close();
});

test("the SDK registers, hears that the node goes, and is there again when it is back", async (t) => {
  const first = await serve(t);
  const registration = await register({ ...SERVICE, url: first.url, onError: () => {} });
  t.after(() => registration.close());
  await registration.ready;
  assert.equal(registration.name, "reviews.acme.catalyst.internal");
  const drained = new Promise<void>((resolve) => registration.onDrain(resolve));
  while (first.leases.size === 0 || registration.state !== "registered")
    await new Promise((resolve) => setTimeout(resolve, 5));
  // The event stream opens right after the registration.
  await new Promise((resolve) => setTimeout(resolve, 50));
  await first.stop();
  await drained;
  const second = await serve(t, first.dir);
  while (second.service("reviews") === undefined) await new Promise((resolve) => setTimeout(resolve, 10));
  await registration.close();
  assert.equal(second.service("reviews"), undefined);
});
