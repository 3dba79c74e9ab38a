// Every way by which a foreign schema or a foreign answer could take over, hide, harden or read something of ours
// (docs/internals/gateway.md section 6). Each case runs twice: with its defence it must fail; and `naive`, which is what
// composition does when a foreign schema is taken for one of our own, must show that the attack is one. So no case can pass because
// it attacks nothing.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ForeignTerms, GatewayService } from "#rpc";
import { Bench, FEDERATION, type QueryResult, type RawAnswer, type Subgraph } from "../../kit.common-case.ts";

const OURS = `${FEDERATION}
  type Query { topProducts(first: Int): [Product!] mode: Mode order(by: Order): Int down: String }
  type Product @key(fields: "upc") { upc: ID! name: String price: Int @shareable weight: Int }
  enum Mode { ON OFF }
  input Order { field: String direction: String }`;

const PRODUCT = { upc: "1", name: "table", price: 899, weight: 5 };

const resolvers = {
  Query: {
    topProducts: () => [PRODUCT],
    mode: () => "ON",
    order: () => 1,
    down: () => Promise.reject(new Error("down")),
  },
  Product: { __resolveReference: () => PRODUCT },
} as never;

const TERMS: ForeignTerms = {
  organization: "globex.catalyst.internal",
  prefix: "globex",
  shared: ["Product"],
};

interface Attack {
  /** Of the peer, after the federation header. */
  readonly sdl: string;
  /** What the peer answers as data, an object or its text. `p` stands before names of root fields. */
  readonly answer?: (query: string, p: string) => object | string;
  /** Asked of the graph; shows whether the attack worked. */
  readonly query: string | ((p: string) => string);
}

interface Seen {
  readonly data: Record<string, unknown>;
  readonly text: string;
  readonly api: string;
  /** What the peer was sent. */
  readonly sent: string;
}

let bench: Bench;
let own: Subgraph;

before(async () => {
  bench = await Bench.open();
  own = await bench.subgraph({ name: "products", sdl: OURS, resolvers });
});

after(() => bench[Symbol.asyncDispose]());

async function run(attack: Attack, naive: boolean): Promise<Seen> {
  const p = naive ? "" : "globex_";
  const answer = ({ query }: { query: string }): RawAnswer => {
    const data = attack.answer?.(query, p) ?? {};
    return { body: `{"data":${typeof data === "string" ? data : JSON.stringify(data)}}` };
  };
  const far = await bench.subgraph({ name: "far", sdl: "type Query { a: Int }", kind: "graphql", answer });
  const peer: GatewayService = { ...far.service, kind: "federation", sdl: `${FEDERATION} ${attack.sdl}` };
  await bench.apply([own.service, naive ? peer : { ...peer, foreign: TERMS }]);
  const query = typeof attack.query === "string" ? attack.query : attack.query(p);
  const result: QueryResult = await bench.query(query);
  return {
    data: (result.data ?? {}) as Record<string, unknown>,
    text: JSON.stringify(result),
    api: (await bench.gateway.schema()) ?? "",
    sent: JSON.stringify(far.requests.map((request) => [request.query, request.variables])),
  };
}

/** `worked` says whether the attacker has what it wanted. */
async function defended(attack: Attack, worked: (seen: Seen) => boolean): Promise<Seen> {
  assert.equal(worked(await run(attack, true)), true, "the attack does not work without the defence either");
  const seen = await run(attack, false);
  assert.equal(worked(seen), false, seen.text);
  return seen;
}

const KEYED = 'type Product @key(fields: "upc")';
const entity = (fields: object) => (query: string) => {
  const __typename = "Product";
  return query.includes("_entities") ? { _entities: [{ __typename, ...fields }] } : fields;
};

describe("composition", () => {
  test("@override on a field of ours does not move it to the peer", async () => {
    const seen = await defended(
      {
        sdl: `${KEYED} { upc: ID! price: Int @shareable @override(from: "s-0-00000") }`,
        answer: entity({ price: 1 }),
        query: "{ topProducts { price } }",
      },
      ({ text }) => text.includes('"price":1'),
    );
    assert.equal(seen.sent, "[]");
  });

  test("@override on a root field of ours does not move it to the peer", async () => {
    await defended(
      {
        sdl: 'type Query { mode: Mode @override(from: "s-0-00000") } enum Mode { ON OFF }',
        answer: () => ({ mode: "OFF" }),
        query: "{ mode }",
      },
      ({ data }) => data["mode"] === "OFF",
    );
  });

  test("@requires does not send values of ours to the peer", async () => {
    await defended(
      {
        sdl: `${KEYED} { upc: ID! price: Int @external weight: Int @external x: Int @requires(fields: "price weight") }`,
        answer: entity({ x: 1 }),
        query: "{ topProducts { x } }",
      },
      ({ sent }) => sent.includes("899"),
    );
  });

  test("@inaccessible on a key of ours does not hide it", async () => {
    await defended(
      { sdl: `${KEYED} { upc: ID! @inaccessible x: Int }`, query: "{ topProducts { upc } }" },
      ({ text }) => text.includes("Cannot query field"),
    );
  });

  test("a field of ours that both call shareable is not answered by the peer", async () => {
    const seen = await defended(
      {
        sdl: `type Query { best: Product } ${KEYED} { upc: ID! price: Int @shareable }`,
        answer: (_query, p) => ({ [`${p}best`]: { __typename: "Product", upc: "1", price: 1 } }),
        query: (p) => `{ ${p}best { price } }`,
      },
      ({ text }) => text.includes('"price":1'),
    );
    assert.match(seen.text, /"price":899/);
  });

  test("a root field of ours does not merge with one of the same name", async () => {
    const seen = await defended(
      {
        sdl: "type Query { stock: Int @shareable } type Mutation { stock: Int }",
        answer: () => ({ stock: 6, globex_stock: 6 }),
        query: "{ stock }",
      },
      ({ data }) => data["stock"] === 6,
    );
    assert.match(seen.api, /globex_stock: Int/);
  });

  test("an input of ours is not cut to what the peer knows of it", async () => {
    await defended(
      {
        sdl: "type Query { far(by: Order): Int } input Order { field: String }",
        query: '{ order(by: {direction: "asc"}) }',
      },
      ({ text }) => text.includes("direction"),
    );
  });

  test("an argument of ours is not made required", async () => {
    await defended(
      {
        sdl: "type Query { far(by: Order): Int } input Order { field: String! direction: String }",
        query: '{ order(by: {direction: "asc"}) }',
      },
      ({ text }) => text.includes("ERR_QUERY_INVALID"),
    );
  });

  test("an enum of ours does not gain values", async () => {
    await defended(
      { sdl: "type Query { far: Mode } enum Mode { ON OFF BROKEN }", query: "{ mode }" },
      ({ api }) => /enum Mode \{[^}]*BROKEN/.test(api),
    );
  });

  test("a key field of ours is not made nullable", async () => {
    await defended({ sdl: `${KEYED} { upc: ID x: Int }`, query: "{ mode }" }, ({ api }) =>
      /type Product[^}]*upc: ID\n/.test(api),
    );
  });

  test("a type of ours gains no interface and no key", async () => {
    await defended(
      {
        sdl: `interface Thing { upc: ID! } type Product implements Thing @key(fields: "upc") @key(fields: "x") { upc: ID! x: ID! }`,
        query: "{ mode }",
      },
      ({ api }) => /type Product implements/.test(api),
    );
  });
});

describe("answers", () => {
  test("a peer that answers more than it was asked changes nothing of ours", async () => {
    const seen = await defended(
      {
        sdl: `${KEYED} { upc: ID! x: Int }`,
        answer: () => ({ _entities: [{ __typename: "Product", x: 1, price: 1, name: "cheap" }] }),
        query: "{ topProducts { x price name } }",
      },
      ({ text }) => text.includes('"price":1,') || text.includes("cheap"),
    );
    assert.match(seen.text, /"x":1,"price":899,"name":"table"/);
  });

  test("nor by answering for root fields of others", async () => {
    await defended(
      {
        sdl: "type Query { far: Int }",
        answer: (_query, p) => ({ [`${p}far`]: 1, down: "theirs" }),
        // Ours fails for this field, so nothing covers what the peer slipped in.
        query: (p) => `{ ${p}far down }`,
      },
      ({ text }) => text.includes("theirs"),
    );
  });

  test("a null where the peer promised a value costs its own field, not the object of ours", async () => {
    const seen = await defended(
      {
        sdl: `${KEYED} { upc: ID! x: Int! }`,
        answer: () => ({ _entities: [{ __typename: "Product", x: null }] }),
        query: "{ topProducts { name x } }",
      },
      ({ text }) => !text.includes("table"),
    );
    assert.deepEqual(seen.data, { topProducts: [{ name: "table", x: null }] });
  });

  test("a root field that the peer does not answer costs itself, not the whole answer", async () => {
    const seen = await defended(
      { sdl: "type Query { far: Int! }", query: (p) => `{ far: ${p}far mode }` },
      ({ data }) => data["mode"] !== "ON",
    );
    assert.deepEqual(seen.data, { far: null, mode: "ON" });
  });

  test("a value too deep to be written costs its own field", async () => {
    const deep = `${"[".repeat(20_000)}1${"]".repeat(20_000)}`;
    const seen = await defended(
      {
        sdl: "type Query { far: Json } scalar Json",
        answer: () => `{"far":${deep}}`,
        query: (p) => `{ far: ${p}far mode }`,
      },
      ({ data }) => data["mode"] !== "ON",
    );
    assert.deepEqual(seen.data, { far: null, mode: "ON" });
    assert.match(seen.text, /ERR_SUBGRAPH_PROTOCOL/);
  });

  test("an entity of another kind than the one that was asked for is none", async () => {
    await defended(
      {
        sdl: `${KEYED} { upc: ID! x: Int } type Other @key(fields: "id") { id: ID! x: Int }`,
        answer: () => ({ _entities: [{ __typename: "Other", x: 5 }] }),
        query: "{ topProducts { x } }",
      },
      ({ text }) => text.includes('"x":5'),
    );
  });
});
