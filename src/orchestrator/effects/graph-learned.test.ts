// A route that a peer told becomes a part of the graph: the node's loop with its plugins and the runner of the graph, over a real
// gateway, real services, and a stand-in for egress that finds a service by the host it is asked for.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { createGateway, type Gateway } from "#gateway";
import { type BatchRunner, type EffectResult, Loop, type Input } from "#kernel";
import { type Event, type NodeTypes, type Route, type Rule, State } from "#routing";
import { DEFAULT_GATEWAY_LIMITS } from "#rpc";
import { start as startProducts } from "../../../examples/products/products.ts";
import { schema as reviewsSchema } from "../../../examples/reviews/reviews.ts";
import { serveGraphql } from "../../../examples/subgraph/serve.ts";
import { routeOf } from "../../../test/kit/routes.ts";
import { builtInPlugins } from "../plugins/index.ts";
import { systemClock, systemRandom } from "../ports.ts";
import { sha256 } from "../store/store.ts";
import { Graph, type GraphOptions } from "./graph.ts";

const NODE = "edge1.acme.test";
const INSIDE = "edge2.acme.test";
const GLOBEX = "edge1.globex.test";
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** By name to the port it is served at; a service that is not there is answered as Envoy does. */
async function standInEgress(t: TestContext): Promise<{ address: string; places: Map<string, string> }> {
  const places = new Map<string, string>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const place = places.get(request.headers.host ?? "");
      if (place === undefined || request.url !== "/") {
        const message = `no route to ${request.headers.host ?? ""}`;
        response.writeHead(404, { "content-type": "application/json" });
        response.end(JSON.stringify({ errors: [{ message, extensions: { code: "ERR_NOT_FOUND" } }] }));
        return;
      }
      const headers = { "content-type": "application/json" };
      void fetch(place, { method: "POST", headers, body: Buffer.concat(chunks) }).then(async (answer) => {
        response.writeHead(answer.status, headers);
        response.end(await answer.text());
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, places };
}

async function gatewayAt(
  t: TestContext,
): Promise<{ gateway: Gateway; query: (text: string) => Promise<unknown> }> {
  const gateway = await createGateway({ thread: { idleMs: 0 } });
  t.after(() => gateway.close(0));
  const refuse = () => Promise.reject(new Error("no identity in this test"));
  const identity = { verify: refuse, exchange: refuse, wallNow: Date.now };
  const { port } = await gateway.listen({ host: "127.0.0.1", port: 0, identity });
  const query = async (text: string): Promise<unknown> => {
    const answer = await fetch(`http://127.0.0.1:${port}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query: text }),
    });
    return await answer.json();
  };
  return { gateway, query };
}

const REVIEWS = "reviews.globex.test";
const PRODUCTS = "products.acme.test";
const LIMITS = { routes: 1_000, rate: 1_000, bytes: 1 << 20, pathLength: 16 };
const SHARED: Rule = {
  match: { key: REVIEWS },
  action: "accept",
  set: { graph: { shared: ["Product"] } },
};

/** A node whose peers told nothing yet, with an own Products service that is up and read. */
async function node(t: TestContext, rules: readonly Rule[]) {
  const { address, places } = await standInEgress(t);
  const { gateway, query } = await gatewayAt(t);
  const products = await startProducts({ port: 0 });
  const reviews = await serveGraphql(reviewsSchema(), { port: 0 });
  t.after(() => Promise.all([products.close(), reviews.close()]));
  const texts = new Map<string, string>();
  const put = (text: string): string => {
    texts.set(sha256(text), text);
    return sha256(text);
  };
  const asked: string[] = [];
  /** What Envoy says to an import; what is not here it takes. */
  const envoy = new Map<string, EffectResult>();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const far = await sdlOf(reviews.url);
  const options: GraphOptions = {
    gateway: () => Promise.resolve(gateway),
    sdl: (hash) => texts.get(hash),
    limits: DEFAULT_GATEWAY_LIMITS,
    drainMs: 0,
    identity: "none",
    opened: Promise.resolve(),
    desired: () => [],
    peering: {
      egress: address,
      clock: systemClock,
      random: systemRandom,
      log: silent,
      put,
      placed: (service) => loop.effects.settled("envoy.import", service),
      fetch: async (asksWhom) => {
        asked.push(asksWhom);
        await released;
        return far;
      },
    },
  };
  const graph = new Graph(options);
  const imports: BatchRunner = {
    batch: async (effects) => effects.map(({ key }) => envoy.get(key) ?? { ok: true }),
  };
  const loop: Loop<NodeTypes> = new Loop<NodeTypes>({
    store: new State(NODE),
    plugins: builtInPlugins(),
    runners: { graph: graph.runner, "envoy.import": imports },
    ports: { clock: systemClock, random: systemRandom, log: silent },
    schedule: setImmediate,
  });
  t.after(async () => {
    graph.stop();
    await loop.stop();
  });
  const say = async (event: Input<Event>) => void (await loop.submit(event));
  await say({ kind: "rules.set", rules: { imports: rules, exports: [] } });
  await say(peerSet(GLOBEX));
  await say(peerSet(INSIDE));
  await say({
    kind: "service.add",
    intent: {
      name: PRODUCTS,
      protocol: "http:graphql",
      owner: { kind: "admin" },
      endpoints: [products.url],
      probe: { kind: "none", intervalMs: 2_000, timeoutMs: 1_000, up: 1, down: 3 },
      timeoutMs: 5_000,
      export: false,
    },
  });
  await say({ kind: "probe.result", service: PRODUCTS, endpoint: products.url, ok: true });
  const own = put(await sdlOf(products.url));
  await say({ kind: "schema.read", service: PRODUCTS, result: { ok: true, hash: own, kind: "federation" } });
  const tell = (by: string, route: Partial<Route> & { key: string }) =>
    say({
      kind: "peer.told",
      peer: by,
      told: {
        kind: "update",
        withdraw: [],
        rejected: [],
        advertise: [routeOf(by, { notAfter: Date.now() + 3_600_000, ...route })],
      },
    });
  const withdraw = (by: string, key: string) =>
    say({
      kind: "peer.told",
      peer: by,
      told: {
        kind: "update",
        advertise: [],
        rejected: [],
        withdraw: [{ key, version: { epoch: 1, seq: 9 } }],
      },
    });
  /** Resolves when the gateway serves exactly these services. */
  const serves = async (...services: string[]) => {
    await until(async () => (await gateway.status()).services.join(" ") === services.join(" "));
    assert.deepEqual((await gateway.status()).services, services);
  };
  /** Another one with the same wants over the same gateway, as after a restart of this part. */
  const again = async (): Promise<Graph> => {
    const wanted = [...loop.effects.desired()].filter((effect) => effect.kind === "graph");
    // Of the union by contract, as the orchestrator reads them.
    const desired = () => wanted as ReturnType<GraphOptions["desired"]>;
    const next = new Graph({ ...options, desired });
    t.after(() => next.stop());
    await next.restore(gateway, () => {});
    return next;
  };
  return { graph, again, places, envoy, query, tell, withdraw, serves, asked, release, far, reviews };
}

async function until(reached: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 500 && !(await reached()); tries++)
    await new Promise((resolve) => setTimeout(resolve, 10));
}

const peerSet = (peer: string): Input<Event> => {
  const inside = peer === INSIDE;
  return {
    kind: "peer.set",
    peering: {
      node: peer,
      organization: peer.slice(peer.indexOf(".") + 1),
      kind: inside ? "internal" : "external",
      role: inside ? "internal" : "lateral",
      onLoss: "keep",
      limits: LIMITS,
    },
  };
};

async function sdlOf(url: string): Promise<string> {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query: "{_service{sdl}}" }),
  });
  const { data } = (await answer.json()) as { data: { _service: { sdl: string } } };
  return data._service.sdl;
}

const schemaOf = (sdl: string) => ({
  protocol: "http:graphql" as const,
  attributes: { health: "up" as const, schema: sha256(sdl) },
});

test("a service that a peer told of joins when its schema came, is asked through egress, and goes with its route", async (t) => {
  const { graph, places, query, tell, withdraw, serves, asked, release, far, reviews } = await node(t, [
    SHARED,
  ]);
  places.set(REVIEWS, reviews.url);
  await tell(GLOBEX, { key: REVIEWS, ...schemaOf(far) });
  await serves(PRODUCTS);
  await until(() => asked.length > 0);
  assert.deepEqual(asked, [GLOBEX]);
  assert.match(JSON.stringify(graph.quarantined), /reviews.globex.test.*its schema is on the way/);
  release();
  await serves(PRODUCTS, REVIEWS);
  assert.deepEqual(graph.quarantined, []);
  const question = `{ topProducts(first: 1) { name reviews(first: 1) { author } }
    globex_latestReviews(first: 1) { __typename product { upc } } }`;
  assert.deepEqual(await query(question), {
    data: {
      topProducts: [{ name: "Copper kettle", reviews: [{ author: "Ada" }] }],
      globex_latestReviews: [{ __typename: "Globex_Review", product: { upc: "radio" } }],
    },
  });
  await withdraw(GLOBEX, REVIEWS);
  await serves(PRODUCTS);
  assert.match(JSON.stringify(await query(question)), /Cannot query field \\"globex_latestReviews\\"/);
});

test("of two services that an own node and another organization tell, only the own node's joins plainly", async (t) => {
  const { places, query, tell, serves, release, far, reviews } = await node(t, []);
  release();
  const inside = "reviews.acme.test";
  places.set(inside, reviews.url);
  await tell(GLOBEX, { key: REVIEWS, ...schemaOf(far) });
  await tell(INSIDE, { key: inside, ...schemaOf(far) });
  await serves(PRODUCTS, inside);
  const { data } = (await query("{ latestReviews(first: 1) { product { name } } }")) as { data: unknown };
  assert.deepEqual(data, { latestReviews: [{ product: { name: "Kitchen radio" } }] });
});

const whyNot = (graph: Graph, service: string): string | undefined =>
  graph.quarantined.find((one) => one.service === service)?.text;

test("it joins when its way is open, says why while it is not, and stays whatever becomes of the way", async (t) => {
  const { graph, again, places, tell, withdraw, serves, release, far, reviews } = await node(t, [SHARED]);
  release();
  await tell(GLOBEX, { key: REVIEWS, ...schemaOf(far) });
  await until(() => whyNot(graph, REVIEWS)?.includes("no route") === true);
  assert.equal(whyNot(graph, REVIEWS), `the way to it is not open yet: no route to ${REVIEWS}`);
  await serves(PRODUCTS);
  assert.equal(graph.uses(REVIEWS), false);
  places.set(REVIEWS, reviews.url);
  await serves(PRODUCTS, REVIEWS);
  assert.equal(graph.uses(REVIEWS), true);

  places.delete(REVIEWS);
  const version = { epoch: 1, seq: 2 };
  await tell(GLOBEX, { key: REVIEWS, version, nextHopAddress: "127.0.0.1:2", ...schemaOf(far) });
  const other = "reviews.acme.test";
  places.set(other, reviews.url);
  await tell(INSIDE, { key: other, ...schemaOf(far) });
  await serves(PRODUCTS, other, REVIEWS);
  const next = await again();
  assert.deepEqual([graph.quarantined, next.quarantined], [[], []]);
  await serves(PRODUCTS, other, REVIEWS);

  const left = graph.left([REVIEWS]);
  await withdraw(GLOBEX, REVIEWS);
  await left;
  assert.equal(graph.uses(REVIEWS), false);
  await serves(PRODUCTS, other);
});

test("one whose import Envoy refused does not join, and the others do", async (t) => {
  const { graph, places, envoy, tell, serves, release, far, reviews } = await node(t, []);
  release();
  const [bad, good] = ["bad.acme.test", "good.acme.test"];
  for (const name of [bad, good]) places.set(name, reviews.url);
  envoy.set(bad, { ok: false, code: "ERR_ENVOY_REFUSED", text: "no such filter", retry: false });
  await tell(INSIDE, { key: bad, ...schemaOf(far) });
  await tell(INSIDE, { key: good, ...schemaOf(far) });
  await serves(PRODUCTS, good);
  assert.equal(whyNot(graph, bad), "the way to it is not open yet: no such filter");
});
