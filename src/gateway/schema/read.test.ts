// Reading a schema from services of both kinds, and from ones that lie, stall or flood.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { FEDERATION, startSubgraph, type SubgraphOptions } from "../kit.common-case.ts";
import { readSchema } from "./read.ts";

const OPTIONS = { timeoutMs: 2_000, maxBytes: 10_000 };

async function started(t: TestContext, options: Partial<SubgraphOptions>): Promise<string> {
  const base = {
    name: "a",
    kind: "graphql",
    sdl: 'type Query { "what it is" b(x: Int = 3): Int a: Int @deprecated }',
  } as const;
  const { service, server } = await startSubgraph({ ...base, ...options });
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return service.urls[0] ?? "";
}

test("a federation service gives its own SDL", async (t) => {
  const sdl = `${FEDERATION}type Query { a: P } type P @key(fields: "id") { id: ID! }`;
  const schema = await readSchema(await started(t, { kind: "federation", sdl }), OPTIONS);
  assert.equal(schema.kind, "federation");
  assert.match(schema.sdl, /@key\(fields: "id"\)/);
});

test("a plain service is introspected; equal schemas give equal text", async (t) => {
  const schema = await readSchema(await started(t, {}), OPTIONS);
  const other = await readSchema(
    await started(t, { sdl: 'type Query { a: Int @deprecated "what it is" b(x: Int = 3): Int }' }),
    OPTIONS,
  );
  assert.equal(schema.kind, "graphql");
  assert.equal(schema.sdl, other.sdl);
  assert.match(schema.sdl, /"""what it is"""\s+b\(x: Int = 3\): Int/);
});

test("services that cannot be read say why by a code", async (t) => {
  const answers: readonly (readonly [NonNullable<SubgraphOptions["answer"]>, string])[] = [
    [() => ({ type: "text/html", body: "<html>" }), "ERR_SCHEMA_UNREACHABLE"],
    [() => ({ status: 500, type: "text/plain", body: "x" }), "ERR_SCHEMA_UNREACHABLE"],
    [() => ({ status: 302, type: "text/plain", body: "x" }), "ERR_SCHEMA_UNREACHABLE"],
    [() => ({ body: "{" }), "ERR_SCHEMA_UNREACHABLE"],
    [() => ({ body: '{"errors":[{"message":"introspection is off"}]}' }), "ERR_SCHEMA_UNREACHABLE"],
    [() => ({ body: '{"data":{"__schema":{}}}' }), "ERR_SCHEMA_INVALID"],
    [() => ({ body: '{"data":{"_service":{"sdl":"type {"}}}' }), "ERR_SCHEMA_INVALID"],
    [() => ({ body: `{"data":{"_service":{"sdl":"# ${"x".repeat(11_000)}"}}}` }), "ERR_SCHEMA_TOO_LARGE"],
    [() => ({ body: `{"x":"${"x".repeat(90_000)}"}` }), "ERR_SCHEMA_TOO_LARGE"],
  ];
  for (const [answer, code] of answers) {
    await assert.rejects(readSchema(await started(t, { answer }), OPTIONS), { code });
  }
  const stalled = await started(t, { answer: () => new Promise(() => {}) });
  await assert.rejects(readSchema(stalled, { ...OPTIONS, timeoutMs: 50 }), {
    code: "ERR_SCHEMA_UNREACHABLE",
  });
  await assert.rejects(readSchema("http://127.0.0.1:1/graphql", OPTIONS), { code: "ERR_SCHEMA_UNREACHABLE" });
});
