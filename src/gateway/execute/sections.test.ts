// Services that share nothing are planned apart; what one operation asks of several of them is still one answer, and one order.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Bench, FEDERATION, type SubgraphOptions } from "../kit.common-case.ts";

const done: string[] = [];

/** A service with types of its own. */
const lone = (name: string): SubgraphOptions => ({
  name,
  kind: "graphql",
  sdl: `type Query { ${name}(n: Int = 7): ${name}_Thing } type ${name}_Thing { n: Int! }
    type Mutation { set_${name}(n: Int): Int }`,
  resolvers: {
    Query: { [name]: (_: unknown, { n }: { n: number }) => (n < 0 ? { n: null } : { n }) },
    Mutation: { [`set_${name}`]: (_: unknown, { n }: { n: number }) => (done.push(`${name} ${n}`), n) },
  },
});

const books: SubgraphOptions = {
  name: "books",
  sdl: `${FEDERATION} type Query { books: [Book!] } type Book @key(fields: "id") { id: ID! title: String }`,
  resolvers: { Query: { books: () => [{ id: "1", title: "one" }] } } as never,
};

const prices: SubgraphOptions = {
  name: "prices",
  sdl: `${FEDERATION} type Book @key(fields: "id") { id: ID! price: Int }`,
  resolvers: { Book: { __resolveReference: ({ id }: { id: string }) => ({ id, price: 9 }) } } as never,
};

/** Brought one after the other, so that each group is a section. */
async function open(): Promise<Bench> {
  const bench = await Bench.open();
  const services = [];
  for (const group of [[lone("a")], [books, prices], [lone("b")]]) {
    for (const one of group) services.push((await bench.subgraph(one)).service);
    assert.deepEqual((await bench.apply(services)).quarantined, []);
  }
  return bench;
}

test("a query over sections: fragments, variables, conditions, joins and introspection in one answer", async () => {
  await using bench = await open();
  const { data, errors } = await bench.query(
    `query Both($n: Int, $no: Boolean = false) {
      ...Roots __typename c: b(n: $n) { ...Thing } d: b @include(if: $no) { n } __schema { queryType { name } }
    }
    fragment Roots on Query { b { __typename n } books { title price } a(n: $n) { n } b { n } }
    fragment Thing on b_Thing { n }`,
    { n: 3 },
  );
  assert.equal(errors, undefined);
  assert.deepEqual(Object.entries(data ?? {}), [
    ["b", { __typename: "b_Thing", n: 7 }],
    ["books", [{ title: "one", price: 9 }]],
    ["a", { n: 3 }],
    ["__typename", "Query"],
    ["c", { n: 3 }],
    ["__schema", { queryType: { name: "Query" } }],
  ]);
});

test("a fault in one section costs nothing of another", async () => {
  await using bench = await open();
  const { data, errors } = await bench.query("{ a(n: -1) { n } b { n } books { price } }");
  assert.deepEqual(data, { a: null, b: { n: 7 }, books: [{ price: 9 }] });
  assert.equal(errors?.length, 1);
});

test("mutations over sections run in the order of the document, each key once", async () => {
  await using bench = await open();
  done.length = 0;
  const { data } = await bench.query(
    "mutation { v: set_a(n: 1) w: set_b(n: 2) x: set_a(n: 3) y: set_a(n: 4) v: set_a(n: 1) z: set_b(n: 5) }",
  );
  assert.deepEqual(done, ["a 1", "b 2", "a 3", "a 4", "b 5"]);
  assert.deepEqual(Object.keys(data ?? {}), ["v", "w", "x", "y", "z"]);
});
