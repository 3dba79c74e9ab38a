// What a federated answer must be, rule by rule, against real subgraphs of a library that is not ours.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Bench, FEDERATION, type SubgraphOptions } from "../kit.common-case.ts";

const PRODUCTS = [
  { id: "1", name: "Table", price: 10, weight: 2, size: { width: 3 }, color: "RED" },
  { id: "2", name: 'Chair "ü"', price: 20, weight: 3, size: null, color: "HIDDEN" },
];

const products: SubgraphOptions = {
  name: "products",
  sdl: `${FEDERATION}
    type Query { products: [Product!]! product(id: ID!): Product echo(in: In, list: [Int!], e: Color): String top: Product }
    type Mutation { addProduct(n: Int!): Int }
    input In { x: Int = 5 y: [String] }
    type Product @key(fields: "id") {
      id: ID! name: String price: Int weight: Int size: Size color: Color
    }
    type Size @shareable { width: Int }
    enum Color { RED HIDDEN @inaccessible }`,
  resolvers: {
    Query: {
      products: () => PRODUCTS,
      product: (_: unknown, { id }: { id: string }) => PRODUCTS.find((each) => each.id === id),
      top: () => PRODUCTS[0],
      echo: (_: unknown, args: object) => JSON.stringify(args),
    },
    Mutation: { addProduct: (_: unknown, { n }: { n: number }) => order.push(`products ${n}`) },
    Product: { __resolveReference: ({ id }: { id: string }) => PRODUCTS.find((each) => each.id === id) },
  } as never,
};

const order: string[] = [];

const reviews: SubgraphOptions = {
  name: "reviews",
  sdl: `${FEDERATION}
    type Query { reviews: [Review!]! }
    type Mutation { addReview(n: Int!): Int }
    type Product @key(fields: "id") {
      id: ID!
      price: Int @external
      weight: Int @external
      size: Size @external
      shipping(zip: Int): Int @requires(fields: "price weight size { width }")
      reviews(first: Int): [Review!]
      strict: Int!
    }
    type Size @shareable { width: Int }
    type Review { id: ID! body: String product: Product! }`,
  resolvers: {
    Query: { reviews: () => [review("1"), review("1"), review("2")] },
    Mutation: { addReview: (_: unknown, { n }: { n: number }) => order.push(`reviews ${n}`) },
    Product: {
      __resolveReference: (reference: object) => reference,
      shipping: (
        product: { price: number; weight: number; size: { width: number } | null },
        { zip }: { zip?: number },
      ) => product.price * product.weight + (product.size?.width ?? 0) * 1_000 + (zip ?? 0),
      reviews: ({ id }: { id: string }, { first }: { first?: number }) =>
        [review(id), review(id)].slice(0, first ?? 2),
      strict: ({ id }: { id: string }) => (id === "2" ? null : 1),
    },
  } as never,
};

function review(id: string) {
  return { id: `r${id}`, body: `review of ${id}`, product: { id } };
}

test("entities: a field of another service is joined by key", async () => {
  await using bench = await Bench.open();
  await bench.graph([products, reviews]);
  const { data, errors } = await bench.query("{products{name reviews(first:1){body product{name}}}}");
  assert.equal(errors, undefined);
  assert.deepEqual(data, {
    products: [
      { name: "Table", reviews: [{ body: "review of 1", product: { name: "Table" } }] },
      { name: 'Chair "ü"', reviews: [{ body: "review of 2", product: { name: 'Chair "ü"' } }] },
    ],
  });
});

test("entities: equal representations are sent once and their answer is given to each, unshared", async () => {
  await using bench = await Bench.open();
  const [productsService] = await bench.graph([products, reviews]);
  const { data } = await bench.query("{reviews{product{name}}}");
  assert.deepEqual(data, {
    reviews: [
      { product: { name: "Table" } },
      { product: { name: "Table" } },
      { product: { name: 'Chair "ü"' } },
    ],
  });
  const sent = productsService?.requests.at(-1)?.variables["representations"];
  assert.deepEqual(sent, [
    { __typename: "Product", id: "1" },
    { __typename: "Product", id: "2" },
  ]);
});

test("requires: values of one service are handed to another, nested ones too", async () => {
  await using bench = await Bench.open();
  await bench.graph([products, reviews]);
  const { data } = await bench.query("query($z:Int){products{shipping(zip:$z)}}", { z: 7 });
  assert.deepEqual(data, { products: [{ shipping: 3_027 }, { shipping: 67 }] });
});

test("several fetches of one service in one request keep their aliases apart", async () => {
  await using bench = await Bench.open();
  await bench.graph([products, reviews]);
  const { data } = await bench.query(
    "{a:product(id:1){reviews(first:1){id}} b:product(id:2){reviews{id}} c:product(id:9){reviews{id}}}",
  );
  assert.deepEqual(data, {
    a: { reviews: [{ id: "r1" }] },
    b: { reviews: [{ id: "r2" }, { id: "r2" }] },
    c: null,
  });
});

test("a null in a non-null place nulls the nearest nullable parent, across services", async () => {
  await using bench = await Bench.open();
  await bench.graph([products, reviews]);
  const one = await bench.query("{product(id:2){name strict}}");
  assert.deepEqual(one.data, { product: null });
  assert.deepEqual(one.errors?.[0]?.path, ["product", "strict"]);
  assert.equal(one.errors?.[0]?.extensions.service, "reviews.acme.catalyst.internal");
  const list = await bench.query("{products{strict}}");
  // [Product!]! has no nullable place but the root.
  assert.equal(list.data, null);
  assert.deepEqual(list.errors?.[0]?.path, ["products", 1, "strict"]);
});

test("an inaccessible enum value is hidden from clients and from introspection", async () => {
  await using bench = await Bench.open();
  await bench.graph([products]);
  const { data, errors } = await bench.query("{products{color}}");
  assert.deepEqual(data, { products: [{ color: "RED" }, { color: null }] });
  assert.ok(!JSON.stringify(errors).includes("HIDDEN"));
  const schema = await bench.query('{__type(name:"Color"){enumValues{name}}}');
  assert.deepEqual(schema.data, { __type: { enumValues: [{ name: "RED" }] } });
});

test("mutations run in the order of the document, across services", async () => {
  await using bench = await Bench.open();
  await bench.graph([products, reviews]);
  order.length = 0;
  const { data } = await bench.query(
    "mutation{a:addProduct(n:1) b:addReview(n:2) c:addProduct(n:3) d:addReview(n:4)}",
  );
  assert.deepEqual(order, ["products 1", "reviews 2", "products 3", "reviews 4"]);
  assert.deepEqual(data, { a: 1, b: 2, c: 3, d: 4 });
});

test("skip and include decide per request, in fragments and on merged fields", async () => {
  await using bench = await Bench.open();
  await bench.graph([products, reviews]);
  const query = `query($a:Boolean!,$b:Boolean=false){
    product(id:1){ name @include(if:$a) ...F @skip(if:$a) reviews(first:1) @include(if:$b){id} id }
  } fragment F on Product { price reviews(first:1){body} }`;
  const asked = async (variables: object) => (await bench.query(query, variables)).data;
  assert.deepEqual(await asked({ a: true }), { product: { name: "Table", id: "1" } });
  assert.deepEqual(await asked({ a: false }), {
    product: { price: 10, reviews: [{ body: "review of 1" }], id: "1" },
  });
  assert.deepEqual(await asked({ a: true, b: true }), {
    product: { name: "Table", reviews: [{ id: "r1" }], id: "1" },
  });
  assert.deepEqual(await asked({ a: false, b: true }), {
    product: { price: 10, reviews: [{ body: "review of 1", id: "r1" }], id: "1" },
  });
});

test("the answer keeps the order of the query", async () => {
  await using bench = await Bench.open();
  await bench.graph([products, reviews]);
  const { text } = await bench.post({
    query: "{top{reviews(first:1){id} price __typename name id} a:__typename}",
  });
  assert.equal(
    text,
    '{"data":{"top":{"reviews":[{"id":"r1"}],"price":10,"__typename":"Product","name":"Table","id":"1"},"a":"Query"}}',
  );
});

test("variables: defaults, lists of one, input objects and enums arrive as the service expects them", async () => {
  await using bench = await Bench.open();
  await bench.graph([products]);
  const query = "query($in:In={x:1},$list:[Int!],$e:Color){echo(in:$in,list:$list,e:$e)}";
  const echo = async (variables: object) =>
    JSON.parse(((await bench.query(query, variables)).data as { echo: string }).echo);
  assert.deepEqual(await echo({}), { in: { x: 1 } });
  assert.deepEqual(await echo({ in: { y: "a" }, list: 3, e: "RED" }), {
    in: { x: 5, y: ["a"] },
    list: [3],
    e: "RED",
  });
  assert.deepEqual(await echo({ in: null, list: [] }), { in: null, list: [] });
});

test("variables: what does not fit is refused before anything is sent", async () => {
  await using bench = await Bench.open();
  const [service] = await bench.graph([products]);
  const cases: readonly [object, RegExp][] = [
    [{ in: { z: 1 } }, /"\$in"\.z: input type "In" has no such field/],
    [{ in: { x: "1" } }, /"\$in"\.x: not a value of type "Int"/],
    [{ list: [1, null] }, /"\$list"\[1\]: "Int!" may not be null/],
    [{ e: "HIDDEN" }, /"\$e": not a value of enum "Color"/],
    [{ list: 2 ** 31 }, /"\$list": not a value of type "Int"/],
  ];
  for (const [variables, reason] of cases) {
    const { status, json } = await bench.post({
      query: "query($in:In,$list:[Int!],$e:Color){echo(in:$in,list:$list,e:$e)}",
      variables,
    });
    assert.equal(status, 400);
    const [error] = (json as { errors: { message: string; extensions: { code: string } }[] }).errors;
    assert.match(error?.message ?? "", reason);
    assert.equal(error?.extensions.code, "ERR_QUERY_INVALID");
  }
  const missing = await bench.post({ query: "query($id:ID!){product(id:$id){id}}" });
  assert.match(missing.text, /variable \\"\$id\\" of type \\"ID!\\" is required/);
  assert.equal(service?.requests.length, 0);
});

test("introspection is answered here, beside data, by name and by variable", async () => {
  await using bench = await Bench.open();
  const [service] = await bench.graph([products]);
  const only = await bench.query("{__schema{queryType{name}} __typename}");
  assert.deepEqual(only.data, { __schema: { queryType: { name: "Query" } }, __typename: "Query" });
  assert.equal(service?.requests.length, 0);
  const mixed = await bench.query(
    "query($n:String!){t:__type(name:$n){kind} top{id} ...F} fragment F on Query{__type(name:$n){name}}",
    {
      n: "Product",
    },
  );
  assert.deepEqual(mixed.data, { t: { kind: "OBJECT" }, top: { id: "1" }, __type: { name: "Product" } });
});

const SHAPES = [
  { __typename: "Circle", id: "c", name: "circle", r: 1 },
  { __typename: "Square", id: "s", name: "square", r: "side" },
];

const shapes: SubgraphOptions = {
  name: "shapes",
  sdl: `${FEDERATION}
    type Query { shapes: [Shape!]! any: [Any] named: [Named] }
    interface Named { name: String }
    interface Shape @key(fields: "id") { id: ID! name: String }
    type Circle implements Shape & Named @key(fields: "id") { id: ID! name: String r: Int }
    type Square implements Shape & Named @key(fields: "id") { id: ID! name: String side: String }
    type Secret @inaccessible { x: Int }
    union Any = Circle | Square | Secret`,
  resolvers: {
    Query: {
      shapes: () => SHAPES,
      named: () => SHAPES,
      any: () => [...SHAPES, { __typename: "Secret", x: 1 }, null],
    },
    Shape: { __resolveReference: ({ id }: { id: string }) => SHAPES.find((each) => each.id === id) },
    Circle: { __resolveReference: ({ id }: { id: string }) => SHAPES.find((each) => each.id === id) },
    Square: {
      __resolveReference: ({ id }: { id: string }) => SHAPES.find((each) => each.id === id),
      side: () => "left",
    },
  } as never,
};

const areas: SubgraphOptions = {
  name: "areas",
  sdl: `${FEDERATION}
    type Query { biggest: Shape }
    type Shape @key(fields: "id") @interfaceObject { id: ID! area: Int }`,
  resolvers: {
    Query: { biggest: () => ({ id: "s" }) },
    Shape: {
      __resolveReference: (reference: object) => reference,
      area: ({ id }: { id: string }) => (id === "s" ? 4 : 3),
    },
  } as never,
};

test("unions and interfaces: fields by type, aliases that differ by type, hidden types as null", async () => {
  await using bench = await Bench.open();
  await bench.graph([shapes]);
  const { data } = await bench.query("{any{__typename ...on Circle{v:r} ...on Square{w:side name}}}");
  assert.deepEqual(data, {
    any: [{ __typename: "Circle", v: 1 }, { __typename: "Square", w: "left", name: "square" }, null, null],
  });
  const named = await bench.query("{named{name ...on Shape{id} ...on Square{side}}}");
  assert.deepEqual(named.data, {
    named: [
      { name: "circle", id: "c" },
      { name: "square", id: "s", side: "left" },
    ],
  });
  const renamed = await bench.query("{named{...on Circle{x:name} ...on Square{x:side}}}");
  assert.deepEqual(renamed.data, { named: [{ x: "circle" }, { x: "left" }] });
});

test("interfaceObject: a field added to every implementation, and the way back to the real type", async () => {
  await using bench = await Bench.open();
  await bench.graph([shapes, areas]);
  const there = await bench.query("{shapes{__typename name area ...on Circle{r}}}");
  assert.deepEqual(there.data, {
    shapes: [
      { __typename: "Circle", name: "circle", area: 3, r: 1 },
      { __typename: "Square", name: "square", area: 4 },
    ],
  });
  const back = await bench.query("{biggest{area __typename name ...on Square{side}}}");
  assert.deepEqual(back.data, { biggest: { area: 4, __typename: "Square", name: "square", side: "left" } });
});

test("provides: the provided field comes from the service that provides it", async () => {
  await using bench = await Bench.open();
  const [, owner] = await bench.graph([
    {
      name: "orders",
      sdl: `${FEDERATION} type Query { order: Order } type Order { buyer: User @provides(fields: "name") }
        type User @key(fields: "id") { id: ID! name: String @external }`,
      resolvers: { Query: { order: () => ({ buyer: { id: "1", name: "provided" } }) } } as never,
    },
    {
      name: "users",
      sdl: `${FEDERATION} type Query { me: User } type User @key(fields: "id") { id: ID! name: String @shareable }`,
      resolvers: { User: { __resolveReference: () => ({ id: "1", name: "owned" }) } } as never,
    },
  ]);
  assert.deepEqual((await bench.query("{order{buyer{name}}}")).data, {
    order: { buyer: { name: "provided" } },
  });
  assert.equal(owner?.requests.length, 0);
});

const hello = ({ name }: { name: string }) => `hello ${name}`;

test("plain and federated services stand in one graph, custom root names included", async () => {
  await using bench = await Bench.open();
  await bench.graph([
    products,
    {
      name: "plain",
      kind: "graphql",
      sdl: `schema { query: RootQuery mutation: Changes } directive @own on FIELD_DEFINITION
        type RootQuery { hello(name: String! = "you"): String again: RootQuery } type Changes { change: Int }`,
      root: { hello, change: 3, again: { hello } },
    },
  ]);
  const { data } = await bench.query("{top{name} hello}");
  assert.deepEqual(data, { top: { name: "Table" }, hello: "hello you" });
  assert.deepEqual((await bench.query("mutation{change}")).data, { change: 3 });
  assert.deepEqual((await bench.query('{again{hello(name:"me")}}')).data, { again: { hello: "hello me" } });
});

test("lists of lists, custom scalars and names that every object inherits", async () => {
  await using bench = await Bench.open();
  await bench.graph([
    {
      name: "odd",
      sdl: `${FEDERATION} scalar Json type Query { grid: [[Cell]] any(v: Json): Json constructor: String o: Odd }
        type Odd { constructor: String toString: Int hasOwnProperty: Odd }
        type Cell @key(fields: "id") { id: ID! }`,
      resolvers: {
        Query: {
          grid: () => [[{ id: "1" }, null], null, [{ id: "2" }]],
          any: (_: unknown, { v }: { v: unknown }) => v,
          o: () => ({ constructor: "c" }),
          constructor: () => "k",
        },
        Odd: { toString: () => null, hasOwnProperty: () => null },
      } as never,
    },
    {
      name: "cells",
      sdl: `${FEDERATION} type Query { x: Int } type Cell @key(fields: "id") { id: ID! n: Int }`,
      resolvers: {
        Cell: { __resolveReference: ({ id }: { id: string }) => ({ id, n: Number(id) * 10 }) },
      } as never,
    },
  ]);
  assert.deepEqual((await bench.query("{grid{n}}")).data, { grid: [[{ n: 10 }, null], null, [{ n: 20 }]] });
  const v = { a: [1, "ü", null], ["__proto__"]: 1 };
  assert.deepEqual((await bench.query("query($v:Json){any(v:$v)}", { v })).data, { any: v });
  const inherited = await bench.query("{o{constructor toString hasOwnProperty{constructor}} c:constructor}");
  assert.deepEqual(inherited.data, { o: { constructor: "c", toString: null, hasOwnProperty: null }, c: "k" });
});
