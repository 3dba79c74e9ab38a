// A service of another organization in our graph, from its schema to the answer, over real servers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Bench, FEDERATION, type SubgraphOptions } from "../../kit.common-case.ts";

const GLOBEX = { organization: "globex.catalyst.internal", prefix: "globex", shared: ["Product"] };

const products: SubgraphOptions = {
  name: "products",
  sdl: `${FEDERATION} type Query { topProducts: [Product!]! }
    type Product @key(fields: "upc") { upc: ID! name: String! price: Int! }`,
  resolvers: {
    Query: {
      topProducts: () => [
        { upc: "1", name: "table", price: 899 },
        { upc: "2", name: "chair", price: 54 },
      ],
    },
    Product: { __resolveReference: ({ upc }: { upc: string }) => ({ upc, name: `p${upc}`, price: 7 }) },
  } as never,
};

const reviews: SubgraphOptions = {
  name: "reviews",
  sdl: `${FEDERATION} type Query { reviews(filter: Filter): [Review!]! node: Node search: [Hit!] }
    type Mutation { addReview(input: NewReview!): Review }
    interface Node { id: ID! }
    union Hit = Review | Product
    enum Mood { GOOD BAD }
    scalar Stars
    input Filter { mood: Mood = GOOD upc: ID }
    input NewReview { upc: ID! body: String! }
    type Review implements Node { id: ID! body: String! mood: Mood! stars: Stars product: Product! }
    type Product @key(fields: "upc") { upc: ID! reviews(mood: Mood): [Review!]! }`,
  resolvers: {
    Query: {
      reviews: (_: never, { filter }: { filter?: { mood: string } }) => [review("1", filter?.mood)],
      node: () => ({ __typename: "Review", ...review("9") }),
      search: () => [
        { __typename: "Review", ...review("1") },
        { __typename: "Product", upc: "2" },
      ],
    },
    Mutation: { addReview: (_: never, { input }: { input: { upc: string } }) => review(input.upc) },
    Product: {
      __resolveReference: ({ upc }: { upc: string }) => ({ upc }),
      reviews: ({ upc }: { upc: string }) => [review(upc)],
    },
  } as never,
  overrides: { foreign: GLOBEX },
};

const review = (upc: string, mood = "GOOD") => ({
  id: `r${upc}`,
  body: `about ${upc}`,
  mood,
  stars: { of: 5, given: [4] },
  product: { upc },
});

test("a foreign service adds its types and root fields under its prefix, and fields to a shared type", async () => {
  await using bench = await Bench.open();
  await bench.graph([products, reviews]);
  const api = (await bench.gateway.schema()) ?? "";
  for (const name of ["Globex_Review", "globex_reviews", "Globex_Filter", "Globex_Mood", "Globex_Stars"])
    assert.match(api, new RegExp(`\\b${name}\\b`));
  assert.doesNotMatch(api, /\btype Review\b|\binput Filter\b| reviews: /);
  const { data, errors } = await bench.query(
    `query($filter: Globex_Filter) {
      topProducts { name reviews(mood: BAD) { __typename id product { name } } }
      globex_reviews(filter: $filter) { mood stars body }
      mine: globex_node { __typename id ... on Globex_Review { body } }
      globex_search { __typename ... on Product { upc price } ... on Globex_Review { id } }
    }`,
    { filter: { mood: "BAD" } },
  );
  assert.equal(errors, undefined);
  assert.deepEqual(data, {
    topProducts: [
      { name: "table", reviews: [{ __typename: "Globex_Review", id: "r1", product: { name: "p1" } }] },
      { name: "chair", reviews: [{ __typename: "Globex_Review", id: "r2", product: { name: "p2" } }] },
    ],
    globex_reviews: [{ mood: "BAD", stars: { of: 5, given: [4] }, body: "about 1" }],
    mine: { __typename: "Globex_Review", id: "r9", body: "about 9" },
    globex_search: [
      { __typename: "Globex_Review", id: "r1" },
      { __typename: "Product", upc: "2", price: 7 },
    ],
  });
});

test("mutations cross the border too, and hear no name of ours", async () => {
  await using bench = await Bench.open();
  const [, far] = await bench.graph([products, reviews]);
  const { data, errors } = await bench.query(
    `mutation($input: Globex_NewReview!) { globex_addReview(input: $input) { id product { price } } }`,
    { input: { upc: "2", body: "b" } },
  );
  assert.deepEqual([data, errors], [{ globex_addReview: { id: "r2", product: { price: 7 } } }, undefined]);
  assert.equal(far?.requests.length, 1);
  for (const { query } of far?.requests ?? []) assert.doesNotMatch(query, /Globex_|globex_\w+\b(?!:)/);
});

const far = "reviews.acme.catalyst.internal";

test("fields of a service that left are answered with its name, for as long as nobody else has them", async () => {
  // The thread that composed is gone when the service leaves.
  await using bench = await Bench.open({ thread: { idleMs: 1 } });
  const [near, away] = await bench.graph([products, reviews]);
  assert.ok(near && away);
  const asked = "{ topProducts { name reviews { id } } globex_reviews { id } nonsense }";
  await bench.apply([near.service]);
  const { errors } = await bench.query(asked);
  assert.deepEqual(
    errors?.map(({ message, extensions }) => [message, extensions]),
    [
      [
        `Cannot query field "reviews" on type "Product": it is of ${far}, which left the graph.`,
        { code: "ERR_QUERY_INVALID", service: far },
      ],
      [
        `Cannot query field "globex_reviews" on type "Query": it is of ${far}, which left the graph.`,
        { code: "ERR_QUERY_INVALID", service: far },
      ],
      [`Cannot query field "nonsense" on type "Query".`, { code: "ERR_QUERY_INVALID" }],
    ],
  );
  const other = await bench.subgraph({ name: "other", sdl: "type Query { x: Int }", kind: "graphql" });
  await bench.apply([near.service, other.service]);
  assert.equal((await bench.query(asked)).errors?.[0]?.extensions.service, far);
  await bench.apply([near.service, away.service]);
  assert.equal((await bench.query("{ globex_reviews { id } }")).errors, undefined);
});

test("a request under way when its service leaves ends with its own fields, and an error that names it", async () => {
  await using bench = await Bench.open();
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
  const answer = async () => {
    arrive();
    await held;
    // What egress says of a name that it does not know any more.
    return { status: 404, type: "text/plain", body: "" };
  };
  const [near] = await bench.graph([products, { ...reviews, answer }]);
  const asked = bench.query("{ topProducts { name } globex_reviews { id } }");
  await arrived;
  assert.ok(near);
  await bench.apply([near.service]);
  release();
  const { data, errors } = await asked;
  assert.deepEqual(data, { topProducts: [{ name: "table" }, { name: "chair" }], globex_reviews: null });
  assert.deepEqual(
    errors?.map(({ extensions }) => extensions),
    [{ code: "ERR_SUBGRAPH_STATUS", service: far }],
  );
});

test("through one address, services are told apart by the host that is asked for", async () => {
  await using bench = await Bench.open();
  const one = await bench.subgraph({ name: "one", kind: "graphql", sdl: "type Query { a: Int }" });
  const { host: via } = new URL(one.service.urls[0] ?? "");
  const service = (name: string, sdl: string) => ({
    ...one.service,
    name,
    sdl,
    via,
    urls: [`http://${name}/`],
  });
  await bench.apply([
    service("a.acme.internal", "type Query { a: Int }"),
    service("b.acme.internal", "type Query { b: Int }"),
  ]);
  await bench.query("{ a b }");
  const hosts = one.requests.map(({ headers }) => headers.host);
  assert.deepEqual(hosts.toSorted(), ["a.acme.internal", "b.acme.internal"]);
});
