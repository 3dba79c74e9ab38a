// Products by HTTP, as the gateway asks it, and as a program.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { start } from "./main.ts";

async function ask(url: string, query: string, variables: object = {}): Promise<unknown> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  return await response.json();
}

test("products: queries, entities and the SDL", async () => {
  const running = await start({ port: 0 });
  assert.deepEqual(await ask(running.url, "{ topProducts(first: 1) { upc name price weight } }"), {
    data: { topProducts: [{ upc: "kettle", name: "Copper kettle", price: 5900, weight: 1240 }] },
  });
  assert.deepEqual(
    await ask(
      running.url,
      "query ($r: [_Any!]!) { _entities(representations: $r) { __typename ... on Product { name } } }",
      {
        r: [
          { __typename: "Product", upc: "lamp" },
          { __typename: "Product", upc: "none" },
        ],
      },
    ),
    { data: { _entities: [{ __typename: "Product", name: "Reading lamp" }, null] } },
  );
  const { data } = (await ask(running.url, "{ _service { sdl } }")) as {
    data: { _service: { sdl: string } };
  };
  assert.match(data._service.sdl, /type Product @key\(fields: "upc"\)/);
  assert.doesNotMatch(data._service.sdl, /_Entity/);
  await running.close();
});

test("products: what is no query is refused", async () => {
  const running = await start({ port: 0 });
  const get = await fetch(running.url);
  assert.equal(get.status, 405);
  const broken = await fetch(running.url, { method: "POST", body: "{" });
  assert.equal(broken.status, 400);
  const unknown = (await ask(running.url, "{ nothing }")) as { errors: { message: string }[] };
  assert.match(unknown.errors[0]?.message ?? "", /nothing/);
  const wrong = (await ask(
    running.url,
    '{ _entities(representations: [{ __typename: "X" }]) { __typename } }',
  )) as {
    errors: { message: string }[];
  };
  assert.match(wrong.errors[0]?.message ?? "", /X is no entity/);
  await running.close();
});

test("products: the program says where it listens and ends with its parent", async () => {
  const main = join(import.meta.dirname, "main.ts");
  const child = spawn(process.execPath, [main, "--port", "0", "--watch-stdin"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [line]: unknown[] = await once(createInterface(child.stdout), "line");
  const url = /^listening (http:\/\/127\.0\.0\.1:\d+\/graphql)$/.exec(String(line))?.[1];
  assert(url !== undefined, String(line));
  assert.deepEqual(await ask(url, "{ __typename }"), { data: { __typename: "Query" } });
  child.stdin.end();
  const [code]: unknown[] = await once(child, "exit");
  assert.equal(code, 0);
});
