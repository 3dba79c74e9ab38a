// The node's copy of the SDK's protocol says the same as the SDK's own page.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { sdkRegistering } from "./sdk-schema.ts";

const root = join(import.meta.dirname, "../..");

/** Declarations without comments, blank lines and the prefix that the node's names carry. */
async function shapes(path: string): Promise<string> {
  const source = await readFile(join(root, path), "utf8");
  return source
    .replaceAll(/\/\*\*[\s\S]*?\*\//g, "")
    .replaceAll(/^\s*\/\/.*$/gm, "")
    .replaceAll(/\bSdk(?=[A-Z])/g, "")
    .replaceAll("SDK_PATHS", "PATHS")
    .replaceAll(/\s+/g, " ")
    .trim();
}

test("both copies declare the same", async () => {
  assert.equal(await shapes("src/rpc/sdk.ts"), await shapes("sdk/src/wire.ts"));
});

test("the SDK imports nothing but node: and itself", async () => {
  for (const file of ["address", "error", "http", "index", "register", "wire"]) {
    const source = await readFile(join(root, `sdk/src/${file}.ts`), "utf8");
    for (const [, from = ""] of source.matchAll(/from "([^"]+)"/g)) assert.match(from, /^(node:|\.\/)/);
  }
});

test("a registration passes, what is unbounded or unknown does not", () => {
  const plain = { name: "reviews", protocol: "http:graphql", endpoint: "http://127.0.0.1:1/graphql" };
  assert.equal(sdkRegistering.safeParse(plain).success, true);
  assert.equal(sdkRegistering.safeParse({ ...plain, lease: "9f2c-_" }).success, true);
  for (const wrong of [
    { ...plain, name: "" },
    { ...plain, lease: "../x" },
    { ...plain, extra: 1 },
    { ...plain, labels: { a: 1 } },
    { ...plain, endpoints: [] },
  ]) {
    assert.equal(sdkRegistering.safeParse(wrong).success, false);
  }
});
