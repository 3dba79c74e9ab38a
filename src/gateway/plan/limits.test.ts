// Each limit refuses what is just over it and takes what is just under it, before anything is validated, planned or sent.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Bench } from "../kit.common-case.ts";

const service = {
  name: "a",
  kind: "graphql",
  sdl: "type Query { a: Int n: Query }",
  root: { a: 1, n: { a: 2, n: { a: 3 } } },
} as const;

const nested = (depth: number) => `${"{n".repeat(depth - 1)}{a}${"}".repeat(depth - 1)}`;
const aliases = (count: number) =>
  `{${Array.from({ length: count }, (_, index) => `x${index}:a`).join(" ")}}`;

test("document limits", async () => {
  await using bench = await Bench.open();
  const limits = { documentBytes: 2_000, tokens: 300, depth: 6, aliases: 10, rootFields: 12, batch: 3 };
  await bench.graph([service], limits);
  const code = async (body: unknown): Promise<string | undefined> => {
    const { json } = await bench.post(body);
    return (json as { errors?: { extensions: { code: string } }[] }).errors?.[0]?.extensions.code;
  };
  const over: readonly (readonly [string, unknown, unknown])[] = [
    ["bytes", { query: `{a}#${"x".repeat(1_996)}` }, { query: `{a}#${"x".repeat(1_997)}` }],
    ["bytes of wide characters", { query: `{a}#${"ü".repeat(900)}` }, { query: `{a}#${"ü".repeat(1_000)}` }],
    [
      "tokens",
      { query: `{n{${"...on Query{a}".repeat(40)}}}` },
      { query: `{n{${"...on Query{a}".repeat(60)}}}` },
    ],
    ["depth", { query: nested(6) }, { query: nested(7) }],
    ["aliases", { query: aliases(10) }, { query: aliases(11) }],
    ["root fields", { query: `{${"a ".repeat(12)}}` }, { query: `{${"a ".repeat(13)}}` }],
    [
      "depth through fragments",
      { query: `{n{...F}} fragment F on Query{n{n{n{a}}}}` },
      { query: `{n{n{...F}}} fragment F on Query{n{n{n{n{a}}}}}` },
    ],
    ["batch", Array(3).fill({ query: "{a}" }), Array(4).fill({ query: "{a}" })],
  ];
  for (const [name, under, above] of over) {
    assert.equal(await code(under), undefined, `${name}, under`);
    assert.equal(await code(above), "ERR_QUERY_LIMIT", `${name}, over`);
  }
});

test("documents that are short and huge are refused without being written out", async () => {
  await using bench = await Bench.open();
  await bench.graph([service], { aliases: 1_000 });
  const bomb = Array.from(
    { length: 18 },
    (_, index) => `fragment F${index} on Query{a:n{...F${index + 1}} b:n{...F${index + 1}}}`,
  );
  const query = `{...F0} ${bomb.join(" ")} fragment F18 on Query{a}`;
  const { status, text } = await bench.post({ query });
  assert.equal(status, 400);
  assert.match(text, /ERR_QUERY_LIMIT/);
  const repeated = await bench.post({ query: `{n{${"a ".repeat(3_000)}}}` });
  assert.match(repeated.text, /repeated more than/);
  const loop = await bench.post({ query: "{...A} fragment A on Query{...B} fragment B on Query{...A}" });
  assert.equal(loop.status, 400);
});

test("a flood of new documents fills neither memory nor the place of those in use", async () => {
  await using bench = await Bench.open();
  await bench.graph([service], { documents: 20 });
  await bench.query("{a}");
  for (let index = 0; index < 60; index++) {
    await bench.query(`{x${index}:a}`);
    await bench.query("{a}");
  }
  assert.ok((await bench.gateway.status()).documents <= 20);
});

test("introspection switched off is refused, the rest works", async () => {
  await using bench = await Bench.open();
  await bench.graph([service], { introspection: false });
  const { errors } = await bench.query("{__schema{queryType{name}}}");
  assert.equal(errors?.[0]?.extensions.code, "ERR_QUERY_INVALID");
  assert.deepEqual((await bench.query("{__typename a}")).data, { __typename: "Query", a: 1 });
});

test("what cannot be run is refused with a reason", async () => {
  await using bench = await Bench.open();
  await bench.graph([service]);
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ query: "{" }, /Syntax Error/],
    [{ query: "fragment F on Query{a}" }, /no operation/],
    [{ query: "query A{a} query B{a}" }, /operationName must say which/],
    [{ query: "query A{a}", operationName: "B" }, /no operation of the given name/],
    [{ query: "subscription{a}" }, /subscription/],
    [{ query: "mutation{a}" }, /mutation/],
    [{ query: "{a @defer}" }, /Unknown directive/],
    [{ query: 7 }, /must be a string/],
    [{ query: "{a}", variables: [] }, /must be an object/],
  ];
  for (const [body, reason] of cases) {
    const { status, text } = await bench.post(body);
    assert.equal(status, 400, JSON.stringify(body));
    assert.match(text, reason);
    assert.match(text, /ERR_QUERY_INVALID/);
  }
});
