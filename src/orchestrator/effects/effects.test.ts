import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { createGateway, type Gateway, readSchema } from "#gateway";
import type { RunnerContext } from "#kernel";
import { DEFAULT_GATEWAY_LIMITS, type KeySet, pair } from "#rpc";
import { type AuthControl, authSchema, expose } from "#rpc";
import type { Effect } from "#routing";
import { start as startProducts } from "../../../examples/products/products.ts";
import { systemClock, systemRandom } from "../ports.ts";
import { sha256 } from "../store/store.ts";
import { Gate } from "./gate.ts";
import { Graph } from "./graph.ts";
import { trustKeys, watchKeys } from "./keys.ts";
import { SchemaReader, type SchemaRead } from "./schema.ts";

type GraphEffect = Extract<Effect, { kind: "graph" }>;
type Emitted = { readonly kind: string; readonly [field: string]: unknown };

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const SDL = { a: "type Query { a: Int }", b: "type Query { b: Int }", bad: "type Query { b: String }" };

const context = (emitted: Emitted[]): RunnerContext => ({
  clock: systemClock,
  random: systemRandom,
  log: silent,
  revision: 1,
  emit: (event) => void emitted.push(event),
});

const effect = (name: string, sdl: string | undefined): GraphEffect => ({
  kind: "graph",
  key: `${name}.acme.internal`,
  want:
    sdl === undefined
      ? undefined
      : {
          service: `${name}.acme.internal`,
          kind: "graphql",
          sdl: sha256(sdl),
          urls: ["http://127.0.0.1:9/graphql"],
          timeoutMs: 1_000,
        },
});

async function gatewayFor(t: TestContext): Promise<Gateway> {
  const gateway = await createGateway();
  t.after(() => gateway.close(0));
  return gateway;
}

/** A graph over whatever gateway is there now, with a gate the test opens. */
function graphOver(current: () => Gateway, desired: () => GraphEffect[]) {
  const known = new Map(Object.values(SDL).map((text) => [sha256(text), text]));
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  const graph = new Graph({
    gateway: () => Promise.resolve(current()),
    sdl: (hash) => known.get(hash),
    limits: DEFAULT_GATEWAY_LIMITS,
    drainMs: 0,
    identity: "token",
    opened,
    desired,
  });
  return { graph, open, known };
}

const signal = (): AbortSignal => new AbortController().signal;

test("nothing is applied before the gate opens; then everything that is wanted, at once", async (t) => {
  const gateway = await gatewayFor(t);
  const { graph, open } = graphOver(
    () => gateway,
    () => [effect("a", SDL.a), effect("b", SDL.b)],
  );
  const result = graph.runner.batch([effect("a", SDL.a)], context([]), signal());
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal((await gateway.status()).serving, 0);
  open();
  const done = await result;
  assert.ok("ok" in done && done.ok);
  const { services, swaps } = await gateway.status();
  assert.deepEqual(services, ["a.acme.internal", "b.acme.internal"]);
  assert.equal(swaps, 1);
});

test("what the gateway refuses comes back by name, and the rest is served", async (t) => {
  const gateway = await gatewayFor(t);
  const { graph, open } = graphOver(
    () => gateway,
    () => [],
  );
  open();
  const emitted: Emitted[] = [];
  const effects = [effect("a", SDL.a), effect("broken", SDL.bad), effect("b", SDL.b)];
  const done = await graph.runner.batch(effects, context(emitted), signal());
  assert.ok("ok" in done && done.ok);
  const verdict = emitted.find(({ kind }) => kind === "verdict") as Emitted & {
    quarantined: { service: string; code: string }[];
  };
  assert.equal(verdict["by"], "gateway");
  assert.equal(verdict.quarantined.length, 1);
  assert.equal((await gateway.status()).services.length, 2);
});

test("a gateway that was started anew gets the graph at once; one that outlived us is never offered less", async (t) => {
  let gateway = await gatewayFor(t);
  const { graph, open } = graphOver(
    () => gateway,
    () => [],
  );
  open();
  for (const sdl of [SDL.a, SDL.b, SDL.a])
    await graph.runner.batch([effect("a", sdl)], context([]), signal());
  const { serving } = await gateway.status();
  assert.equal(serving, 3);
  // The same gateway, and an orchestrator that begins to count at 0.
  const second = graphOver(
    () => gateway,
    () => [effect("b", SDL.b)],
  );
  second.open();
  await second.graph.restore(gateway, () => {});
  assert.ok((await gateway.status()).serving > serving);
  gateway = await gatewayFor(t);
  await second.graph.restore(gateway, () => {});
  assert.deepEqual((await gateway.status()).services, ["b.acme.internal"]);
});

test("a schema that fell out of the store leaves its service out, with the reason", async (t) => {
  const gateway = await gatewayFor(t);
  const { graph, open, known } = graphOver(
    () => gateway,
    () => [],
  );
  open();
  known.delete(sha256(SDL.b));
  const emitted: Emitted[] = [];
  await graph.runner.batch([effect("a", SDL.a), effect("b", SDL.b)], context(emitted), signal());
  assert.deepEqual((await gateway.status()).services, ["a.acme.internal"]);
  assert.match(JSON.stringify(emitted), /"service":"b.acme.internal","code":"ERR_SCHEMA_UNREACHABLE"/);
});

test("a schema is read, kept by hash, tried again while it fails, and not after it was taken away", async (t) => {
  const products = await startProducts({ port: 0 });
  t.after(() => products.close());
  let fails = 2;
  const blobs = new Map<string, string>();
  const reader = new SchemaReader({
    clock: systemClock,
    random: systemRandom,
    read: async (url, options): Promise<SchemaRead> => {
      if (fails-- > 0) throw Object.assign(new Error("not yet"), { code: "ERR_SCHEMA_UNREACHABLE" });
      return { ok: true, ...(await readSchema(url, { ...options, maxBytes: 100_000 })) };
    },
    put: (sdl) => {
      blobs.set(sha256(sdl), sdl);
      return sha256(sdl);
    },
  });
  t.after(() => reader.stop());
  const emitted: Emitted[] = [];
  const { promise: read, resolve } = Promise.withResolvers<void>();
  const listening: RunnerContext = {
    ...context(emitted),
    emit: (event) => {
      emitted.push(event);
      if (JSON.stringify(event).includes('"ok":true')) resolve();
    },
  };
  const want = { service: "products", urls: [products.url], timeoutMs: 2_000 };
  await reader.runner.batch([{ kind: "schema", key: "products", want }], listening, signal());
  await read;
  assert.deepEqual(
    emitted.map((event) => (event["result"] as { ok: boolean }).ok),
    [false, false, true],
  );
  const last = emitted.at(-1)?.["result"] as { hash: string; kind: string };
  assert.equal(last.kind, "federation");
  assert.match(blobs.get(last.hash) ?? "", /topProducts/);
  await reader.runner.batch([{ kind: "schema", key: "products", want: undefined }], listening, signal());
  reader.again("products");
  await new Promise((done) => setTimeout(done, 30));
  assert.equal(emitted.length, 3);
});

test("keys are told as equal bytes for equal sets, and again after the auth part was away", async () => {
  const key = (kid: string) => ({
    kty: "EC",
    kid,
    alg: "ES384",
    use: "sig" as const,
    x: "x",
    crv: "P-384",
    y: "y",
  });
  const set = (...kids: string[]): KeySet => ({
    revision: 1,
    issuer: "n",
    audience: "o",
    keys: kids.map(key),
  });
  assert.equal(trustKeys(set("a", "b")).jwks, trustKeys(set("b", "a")).jwks);
  const { authMethods } = await authSchema();
  const auth = { watchKeys: async (tell: (keys: KeySet) => void) => tell(set("a")) };
  const emitted: Emitted[] = [];
  let heard = 0;
  for (let life = 0; life < 2; life += 1) {
    const [near] = await pair<AuthControl>(() => expose(auth, { watchKeys: authMethods.watchKeys }));
    await watchKeys(
      near.stub,
      (event) => void emitted.push(event),
      () => (heard += 1),
    );
    near.close();
  }
  assert.equal(heard, 2);
  assert.deepEqual(
    emitted.map(({ kind }) => kind),
    ["keys.changed", "keys.changed"],
  );
});

test("the gate opens when all has come, or its time has", async () => {
  let fire = (): void => {};
  const clock = { ...systemClock, after: (_: number, run: () => void) => ((fire = run), () => {}) };
  const first = new Gate(clock, 100);
  first.expect("keys");
  first.seal();
  assert.equal(first.isOpen, false);
  first.arrived("keys");
  assert.equal(first.isOpen, true);
  const second = new Gate(clock, 100);
  second.expect("a probe that hangs");
  fire();
  assert.equal(second.isOpen, false, "its time runs from when all is named");
  second.seal();
  assert.deepEqual(second.missing(), ["a probe that hangs"]);
  fire();
  await second.opened;
  assert.equal(second.isOpen, true);
});
