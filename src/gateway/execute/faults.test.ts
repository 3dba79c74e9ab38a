// What clients see when services fail: partial answers, a code and a service's name, and nothing of the machine.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Bench, FEDERATION, type RawAnswer, type SubgraphOptions } from "../kit.common-case.ts";
import { maskAddresses } from "./fault.ts";

const left: SubgraphOptions = {
  name: "left",
  sdl: `${FEDERATION} type Query { items: [Item!] one: Int } type Mutation { change: Int }
    type Item @key(fields: "id") { id: ID! name: String }`,
  resolvers: {
    Query: {
      items: () => [
        { id: "1", name: "a" },
        { id: "2", name: "b" },
      ],
      one: () => 1,
    },
    Mutation: { change: () => 1 },
  } as never,
};

const right = (answer?: SubgraphOptions["answer"]): SubgraphOptions => ({
  name: "right",
  sdl: `${FEDERATION} type Query { two: Int } type Item @key(fields: "id") { id: ID! price: Int }`,
  resolvers: {
    Item: { __resolveReference: ({ id }: { id: string }) => ({ id, price: Number(id) }) },
  } as never,
  ...(answer !== undefined && { answer }),
});

const always = (answer: RawAnswer) => () => answer;

test("a service that fails leaves nulls, an error with code and name, and everything else", async () => {
  const cases: readonly [RawAnswer, string][] = [
    [{ status: 500, type: "text/plain", body: "boom at 10.0.0.1:99" }, "ERR_SUBGRAPH_STATUS"],
    [{ status: 503, body: "{}" }, "ERR_SUBGRAPH_STATUS"],
    [{ type: "text/html", body: "<html>" }, "ERR_SUBGRAPH_PROTOCOL"],
    [{ body: "{" }, "ERR_SUBGRAPH_PROTOCOL"],
    [{ body: "[1]" }, "ERR_SUBGRAPH_PROTOCOL"],
    [{ body: '{"data":7}' }, "ERR_SUBGRAPH_PROTOCOL"],
  ];
  for (const [answer, code] of cases) {
    await using bench = await Bench.open();
    await bench.graph([left, right(always(answer))]);
    const { data, errors } = await bench.query("{items{name price}}");
    assert.deepEqual(data, {
      items: [
        { name: "a", price: null },
        { name: "b", price: null },
      ],
    });
    assert.deepEqual(
      errors?.map(({ extensions }) => extensions),
      [{ code, service: "right.acme.catalyst.internal" }],
    );
    assert.ok(!JSON.stringify(errors).includes("10.0.0.1"));
  }
});

test("a service that is gone, or too slow, or answers too much", async () => {
  await using bench = await Bench.open();
  const one = await bench.subgraph(left);
  const gone = { ...(await bench.subgraph(right())).service, urls: ["http://127.0.0.1:1/graphql"] };
  await bench.apply([one.service, gone]);
  const away = await bench.query("{items{name price}}");
  assert.equal(away.errors?.[0]?.extensions.code, "ERR_SUBGRAPH_UNREACHABLE");
  const hang = await bench.subgraph(right(() => new Promise(() => {})));
  await bench.apply([one.service, { ...hang.service, timeoutMs: 60 }]);
  const late = await bench.query("{items{name price}}");
  assert.equal(late.errors?.[0]?.extensions.code, "ERR_SUBGRAPH_TIMEOUT");
  await bench.apply([one.service, hang.service], { requestMs: 60 });
  const deadline = await bench.query("{items{name price}}");
  assert.equal(deadline.errors?.[0]?.extensions.code, "ERR_QUERY_TIMEOUT");
  const big = await bench.subgraph(
    right(always({ body: `{"data":{"_entities":[]},"x":"${"y".repeat(5_000)}"}` })),
  );
  await bench.apply([one.service, big.service], { answerBytes: 2_000 });
  const much = await bench.query("{items{name price}}");
  assert.equal(much.errors?.[0]?.extensions.code, "ERR_SUBGRAPH_PROTOCOL");
  assert.deepEqual((much.data as { items: unknown[] }).items.length, 2);
});

test("errors of a service keep their place and code; addresses, stacks and other extensions stay inside", async () => {
  await using bench = await Bench.open();
  const answer = {
    data: { _entities: [{ price: 1 }, null] },
    errors: [
      {
        message: "connect ECONNREFUSED 127.0.0.1:5432 (http://db.internal:80/x)",
        path: ["_entities", 1, "price"],
        extensions: { code: "DB_DOWN", stacktrace: ["at secret.ts:1"] },
      },
    ],
  };
  await bench.graph([left, right(always({ body: JSON.stringify(answer) }))]);
  const { data, errors } = await bench.query("{items{price}}");
  assert.deepEqual(data, { items: [{ price: 1 }, { price: null }] });
  assert.deepEqual(errors, [
    {
      message: "connect ECONNREFUSED [address] ([address])",
      path: ["items", 1, "price"],
      extensions: { code: "DB_DOWN", service: "right.acme.catalyst.internal" },
    },
  ]);
});

test("another organization's texts are not shown, and its bytes never forwarded unread", async () => {
  await using bench = await Bench.open();
  const body = JSON.stringify({ data: { two: 2, extra: "x" } });
  const { service } = await bench.subgraph(right(always({ body })));
  const foreign = { organization: "globex.catalyst.internal", prefix: "globex", shared: [] };
  const asked = { query: "{two: globex_two}" };
  await bench.apply([{ ...service, foreign }]);
  assert.equal((await bench.post(asked)).text, '{"data":{"two":2}}');
  const failing = await bench.subgraph(right(always({ body: '{"errors":[{"message":"inner matters"}]}' })));
  await bench.apply([{ ...failing.service, foreign }]);
  assert.ok(!(await bench.post(asked)).text.includes("inner matters"));
});

test("a single fetch's bytes are forwarded, unless they speak of errors", async () => {
  await using bench = await Bench.open();
  let body = '{"data":{"two":2 }}';
  await bench.graph([right(() => ({ body }))]);
  assert.equal((await bench.post({ query: "{two}" })).text, body);
  body = '{"data":{"two":null},"errors":[{"message":"no"}],"extensions":{"trace":1}}';
  const { json, text } = await bench.post({ query: "{two}" });
  assert.equal((json as { errors: { message: string }[] }).errors[0]?.message, "no");
  assert.ok(!text.includes("trace"));
});

test("__proto__ in a foreign answer is a key like any other, and changes nothing", async () => {
  await using bench = await Bench.open();
  const body =
    '{"data":{"_entities":[{"__proto__":{"name":"hijacked","polluted":true},"price":3},{"price":4}]}}';
  await bench.graph([left, right(always({ body }))]);
  const { data } = await bench.query("{items{name price}}");
  assert.deepEqual(data, {
    items: [
      { name: "a", price: 3 },
      { name: "b", price: 4 },
    ],
  });
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);
  const refused = await bench.query("{__proto__:one}");
  assert.equal(refused.errors?.[0]?.extensions.code, "ERR_QUERY_INVALID");
});

test("a query is tried once more on another address; a mutation never is", async () => {
  await using bench = await Bench.open();
  const bad = await bench.subgraph({ ...left, answer: always({ status: 502, body: "{}" }) });
  const good = await bench.subgraph(left);
  const urls = [...bad.service.urls, ...good.service.urls];
  await bench.apply([{ ...bad.service, urls }]);
  for (let index = 0; index < 4; index++) assert.deepEqual((await bench.query("{one}")).data, { one: 1 });
  assert.ok(bad.requests.length > 0);
  const before = good.requests.length + bad.requests.length;
  const results = [await bench.query("mutation{change}"), await bench.query("mutation{change}")];
  assert.equal(good.requests.length + bad.requests.length, before + 2);
  assert.deepEqual(results.map(({ errors }) => errors?.length ?? 0).toSorted(), [0, 1]);
});

test("a service that fails again and again is left alone, and tried again after a pause", async () => {
  let now = 0;
  await using bench = await Bench.open({ now: () => now });
  let broken = true;
  const [service] = await bench.graph([
    { ...left, answer: () => (broken ? { status: 503, body: "{}" } : undefined) },
  ]);
  const code = async () => (await bench.query("mutation{change}")).errors?.[0]?.extensions.code;
  for (let index = 0; index < 20; index++) assert.equal(await code(), "ERR_SUBGRAPH_STATUS");
  assert.equal(await code(), "ERR_SUBGRAPH_OPEN");
  const asked = service?.requests.length;
  broken = false;
  assert.equal(await code(), "ERR_SUBGRAPH_OPEN");
  assert.equal(service?.requests.length, asked);
  now += 2_001;
  assert.equal(await code(), undefined);
  assert.equal(await code(), undefined);
});

test("only the headers a rule names go on, and never the token or what Envoy adds", async () => {
  await using bench = await Bench.open();
  const subgraph = await bench.subgraph(left);
  const forward = ["x-tenant", "authorization", "x-catalyst-claims"];
  await bench.apply([{ ...subgraph.service, headers: { forward, set: { "x-set": "1" } } }]);
  await bench.query(
    "{one}",
    {},
    { "x-tenant": "t", authorization: "Bearer x", "x-catalyst-claims": "c", "x-other": "o" },
  );
  const seen = subgraph.requests.at(-1)?.headers ?? {};
  assert.deepEqual(
    ["x-tenant", "x-set", "authorization", "x-catalyst-claims", "x-other"].map((name) => seen[name]),
    ["t", "1", undefined, undefined, undefined],
  );
});

test("equal queries are joined only when asked for, and never across different forwarded headers", async () => {
  for (const dedupe of [true, false]) {
    await using bench = await Bench.open({ dedupe });
    let waiting: (() => void)[] = [];
    const subgraph = await bench.subgraph({
      ...left,
      answer: ({ headers }) =>
        new Promise((resolve) =>
          waiting.push(() =>
            resolve({ body: JSON.stringify({ data: { one: Number(headers["x-tenant"]) } }) }),
          ),
        ),
    });
    await bench.apply([{ ...subgraph.service, headers: { forward: ["x-tenant"], set: {} } }]);
    const asked = ["1", "1", "2"].map((tenant) => bench.query("{one}", {}, { "x-tenant": tenant }));
    const expected = dedupe ? 2 : 3;
    while (waiting.length < expected) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(waiting.length, expected);
    for (const answer of waiting) answer();
    waiting = [];
    assert.deepEqual(
      (await Promise.all(asked)).map(({ data }) => data),
      [{ one: 1 }, { one: 1 }, { one: 2 }],
    );
  }
});

test("addresses are masked in every form, ordinary text is not", () => {
  const hidden = [
    "10.1.2.3",
    "10.1.2.3:80",
    "localhost:5001",
    "db.internal:5432",
    "http://a.b/c?d",
    "[::1]:80",
    "redis://h:1",
    "db:5432",
  ];
  for (const address of hidden) assert.equal(maskAddresses(`to ${address} now`), "to [address] now", address);
  for (const text of ["User.name: not found", "at 10:30", "version 1.2.3", "a: b"])
    assert.equal(maskAddresses(text), text);
});
