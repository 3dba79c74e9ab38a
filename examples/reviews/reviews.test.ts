// Reviews by HTTP, composed with Products, and registering itself with a node.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { composeServices } from "@theguild/federation-composition";
import { parse } from "graphql";
import { start as startProducts } from "../products/main.ts";
import { start } from "./main.ts";

async function ask(url: string, query: string, variables: object = {}): Promise<{ data: never }> {
  const body = JSON.stringify({ query, variables });
  const response = await fetch(url, { method: "POST", body });
  return (await response.json()) as { data: never };
}

test("reviews: queries, a mutation and entities", async () => {
  const running = await start({ port: 0, node: false });
  const { url } = running;
  assert.deepEqual(
    await ask(url, "{ latestReviews(first: 1) { author rating product { upc averageRating } } }"),
    {
      data: { latestReviews: [{ author: "Dora", rating: 2, product: { upc: "radio", averageRating: 2 } }] },
    },
  );
  assert.deepEqual(
    await ask(
      url,
      'mutation { addReview(upc: "radio", rating: 4, body: "Three now.", author: "Eve") { id } }',
    ),
    { data: { addReview: { id: "6" } } },
  );
  const representations = [
    { __typename: "Product", upc: "radio" },
    { __typename: "Review", id: "6" },
  ];
  assert.deepEqual(
    await ask(
      url,
      `query ($r: [_Any!]!) { _entities(representations: $r) {
        ... on Product { averageRating reviews { body } } ... on Review { body } } }`,
      { r: representations },
    ),
    {
      data: {
        _entities: [
          { averageRating: 3, reviews: [{ body: "Knows two stations." }, { body: "Three now." }] },
          { body: "Three now." },
        ],
      },
    },
  );
  await running.close();
});

test("both services compose into one graph", async () => {
  const services = await Promise.all([startProducts({ port: 0 }), start({ port: 0, node: false })]);
  const documents = await Promise.all(
    services.map(async ({ url }, index) => {
      const { data } = await ask(url, "{ _service { sdl } }");
      const { _service } = data as { _service: { sdl: string } };
      return { name: `service${index}`, url, typeDefs: parse(_service.sdl) };
    }),
  );
  const composed = composeServices(documents);
  assert.deepEqual(composed.errors ?? [], []);
  assert.match(composed.supergraphSdl ?? "", /averageRating/);
  await Promise.all(services.map((service) => service.close()));
});

test("reviews: the program registers itself and leaves when it is told to end", async () => {
  const seen: string[] = [];
  const registered = Promise.withResolvers<string>();
  const node = createServer((request, response) => {
    seen.push(`${request.method} ${request.url?.split("?")[0]}`);
    if (request.method === "GET")
      response.writeHead(200, { "content-type": "text/event-stream" }).write(": \n\n");
    else if (request.method === "DELETE") response.writeHead(204).end();
    else {
      let text = "";
      request.on("data", (chunk) => (text += String(chunk)));
      request.on("end", () => {
        registered.resolve(text);
        response.end(JSON.stringify({ lease: "l1", name: "reviews.acme", ttlMs: 15_000, renewMs: 5_000 }));
      });
    }
  });
  await new Promise<void>((resolve) => node.listen(0, "127.0.0.1", resolve));
  const address = node.address();
  assert(typeof address === "object" && address !== null);
  const child = spawn(process.execPath, [join(import.meta.dirname, "main.ts")], {
    env: { ...process.env, CATALYST_SDK_URL: `http://127.0.0.1:${address.port}` },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const { name, protocol, endpoint } = JSON.parse(await registered.promise);
  assert.deepEqual({ name, protocol }, { name: "reviews", protocol: "http:graphql" });
  assert.deepEqual(await ask(endpoint, "{ __typename }"), { data: { __typename: "Query" } });
  child.kill("SIGTERM");
  assert.deepEqual(await once(child, "exit"), [0, null]);
  assert.equal(seen[0], "POST /v1/services");
  assert.match(seen.at(-1) ?? "", /^DELETE \/v1\/services\//);
  node.closeAllConnections();
  node.close();
});
