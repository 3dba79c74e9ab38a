// However services come and go, what is composed in sections is the graph that all of them composed at once give: the same services
// are left out for the same reasons, the API is the same schema, and a query asks the same of the same services.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  buildASTSchema,
  getNamedType,
  type GraphQLField,
  isCompositeType,
  isObjectType,
  isRequiredArgument,
  lexicographicSortSchema,
  parse,
  printSchema,
} from "graphql";
import { Graph, type GraphText } from "../plan/prepare.ts";
import type { Step } from "../plan/program.ts";
import { CheckedSdls } from "./checked.ts";
import { compose } from "./composer.ts";
import type { SubgraphSdl } from "./message.ts";
import { admit, type Admitted } from "./quarantine.ts";
import { Sections } from "./sections.ts";

const link = (version: string): string =>
  `extend schema @link(url: "https://specs.apollo.dev/federation/${version}", import: ["@key", "@shareable", "@external",
    "@requires", "@inaccessible", "@tag", "@override"])`;

/** Alone or in twos and threes, hidden and plain, in conflict, of several versions, and those that reach for the whole graph. */
const SDLS = [
  ...["one", "two", "three"].map(
    (name) => `type Query { ${name}: Int } type Mutation { set_${name}(to: Int): Int }`,
  ),
  `${link("v2.3")} type Query { products: [Product!]! } type Product @key(fields: "id") { id: ID! name: String size: Int }`,
  `${link("v2.3")} type Query { reviews: [Review!]! } type Review { text: String of: Product } type Product @key(fields: "id") { id: ID! reviews: [Review!]! size: Int @external weight: Int @requires(fields: "size") }`,
  `${link("v2.7")} type Query { users: [User!] hidden: Int @inaccessible } type User @key(fields: "id") { id: ID! name: String @tag(name: "x") secret: Int @inaccessible }`,
  `${link("v2.0")} type User @key(fields: "id") { id: ID! age: Int } type Mutation { setAge(id: ID!, to: Int = 3): User }`,
  `${link("v2.0")} "all of it" type Query @shareable { place: Place } type Place @shareable { lat: Float lon: Float } type Mutation { move: Place }`,
  `type Query { place: Place home: Place } type Place { lat: Float lon: Float }`,
  'type Query { media: Media find(by: By): [Named!] } union Media = Book | Song interface Named { name: String } type Book implements Named { name: String pages: Int } type Song implements Named { name: String } input By { name: String = "x" } enum Unused { A }',
  'type Query { odd: Odd } type Odd @key(fields: "id") { id: ID!',
  "type Query { odd: Missing }",
  "type Query { product: Product } type Product { colour: String }",
  "type Query { loop: Loop } type Loop { query: Query done: Int }",
  "schema { query: Root mutation: Root2 } type Root { renamed: Renamed } type Renamed { x: Int } type Root2 { rename: Renamed }",
  `${link("v2.3")} directive @mine(a: Int) on FIELD type Query { directed: Int }`,
  `${link("v2.3")} type Query { veiled: Int @inaccessible }`,
  "type Mutation { only: Int } type Subscription { ticks: Int }",
  'type Query { at: Date } scalar Date @specifiedBy(url: "http://date.test")',
  "type Query { until(date: Date): Date } scalar Date",
  'type Query { from(date: Date): Date } "when" scalar Date enum Order { UP DOWN } input Range { low: Int = 1 high: Int order: Order }',
  "type Query { upto(range: Range): Order } enum Order { UP DOWN } input Range { low: Int = 1 high: Int order: Order }",
  "type Query { sort(order: Order): Order within(range: Range): Int } enum Order { UP DOWN } input Range { low: Int = 1 high: Int order: Order }",
  `${link("v2.3")} type Query { order(by: Order): Int } enum Order { UP DOWN @inaccessible }`,
  "type Query { choose(one: One): Int } input One @oneOf { a: Int b: Int }",
  "type Query { chosen(one: Other): Int } input Other @oneOf { a: Int b: Int }",
];

/** Mostly the same services from one set to the next, in any order; now and then one has the schema of another. */
const service = fc.tuple(fc.nat({ max: SDLS.length - 1 }), fc.integer({ min: 0, max: 9 }));
const set = fc
  .uniqueArray(service, { selector: ([name]) => name, minLength: 5, maxLength: 16, size: "max" })
  .map((services) =>
    services.map(([name, luck]): SubgraphSdl => {
      const sdl = SDLS[luck === 0 ? SDLS.length - 1 - name : name] ?? "";
      return { name: `${"abcdefghijklmnopqrstuvwxyzABCDEF"[name] ?? ""}.acme.test`, sdl };
    }),
  );
const sets = fc.array(set, { minLength: 2, maxLength: 3, size: "max" });

const LIMITS = { tokens: 5_000, depth: 20, aliases: 500, rootFields: 500, introspection: true };

test("services composed in sections make the graph that they make composed at once", () => {
  fc.assert(
    fc.property(sets, fc.constantFrom(1, 2, 16), fc.infiniteStream(fc.nat()), (all, together, chance) => {
      const checked = new CheckedSdls();
      const sections = new Sections(compose, together);
      let before: Graph | undefined;
      for (const services of all) {
        checked.begin();
        const apart = admit(services, sections.compose, checked.check);
        const whole = admit(services, compose, checked.check);
        before = compare(apart, whole, before, () => chance.next().value ?? 0);
      }
    }),
    { numRuns: 10 },
  );
});

test("a service that comes or goes costs its own section alone", () => {
  const asked: string[][] = [];
  const sections = new Sections((subgraphs) => {
    asked.push(subgraphs.map(({ name }) => name));
    return compose(subgraphs);
  });
  const named = (name: string, sdl: string): SubgraphSdl => ({ name, sdl });
  const plain = ["a", "b", "c"].map((name) => named(name, `type Query { ${name}: Int }`));
  const thing = named("thing", "type Query { thing: Thing } type Thing { id: ID }");
  const other = named("other", "type Query { other: Thing } type Thing { id: ID }");
  const checked = new CheckedSdls();
  const costs = (services: readonly SubgraphSdl[]): string[][] => {
    checked.begin();
    asked.length = 0;
    admit(services, sections.compose, checked.check);
    return [...asked];
  };
  assert.deepEqual(costs(plain), [["a", "b", "c"]]);
  assert.deepEqual(costs([...plain, thing]), [["thing"]]);
  assert.deepEqual(costs([thing, ...plain]), []);
  assert.deepEqual(costs([thing, ...plain, other]), [["thing", "other"]]);
  assert.deepEqual(costs([...plain.slice(1), thing, other]), [["b", "c"]]);
  const dated = named("dated", "type Query { date: Date } scalar Date");
  assert.deepEqual(costs([dated]), [["dated"]]);
  assert.deepEqual(costs([dated, named("d", "type Query { d: Date } scalar Date")]), [["d"]]);
  const unlike = named("e", 'type Query { e: Date } "another" scalar Date');
  assert.deepEqual(costs([dated, unlike]), [["dated", "e"]]);
});

test("sections of single services become one when they fill it", () => {
  let asked = 0;
  const sections = new Sections((subgraphs) => {
    asked += subgraphs.length;
    return compose(subgraphs);
  }, 4);
  const checked = new CheckedSdls();
  const services: SubgraphSdl[] = [];
  const seen = Array.from({ length: 9 }, (_, index) => {
    checked.begin();
    asked = 0;
    services.push({ name: `s${index}`, sdl: `type Query { f${index}: Int }` });
    const { composition } = admit(services, sections.compose, checked.check);
    return `${asked} composed, ${composition?.sections.length ?? 0} sections`;
  });
  assert.deepEqual(seen, [
    ...[1, 2, 3, 4].map((count) => `1 composed, ${count} sections`),
    "5 composed, 2 sections",
    ...[3, 4, 5].map((count) => `1 composed, ${count} sections`),
    "5 composed, 3 sections",
  ]);
});

function compare(apart: Admitted, whole: Admitted, before: Graph | undefined, chance: () => number) {
  assert.deepEqual(apart.services, whole.services);
  assert.deepEqual(apart.quarantined, whole.quarantined);
  const [one, other] = [textOf(apart), textOf(whole)];
  if (one === undefined || other === undefined) {
    assert.equal(one, other);
    return before;
  }
  const [graph, reference] = [new Graph(one, before).ready(), new Graph(other)];
  assert.equal(sorted(one.api), sorted(other.api));
  const { schema } = reference;
  for (const [kind, root] of [
    ["query", schema.getQueryType()],
    ["mutation", schema.getMutationType()],
  ] as const) {
    const fields = Object.values(root?.getFields() ?? {});
    const twice = [...fields, ...fields].map((field, index) => ({ field, index, at: chance() }));
    const mixed = twice
      .toSorted((x, y) => x.at - y.at)
      .map(({ field, index }) => `x${index}: ${written(field, schema.getQueryType(), 3)}`);
    const each = fields.map((field) => written(field, schema.getQueryType(), 3));
    for (const asked of fields.length === 0 ? [] : [mixed.join(" "), ...each]) {
      const document = `${kind} { ${asked} }`;
      assert.deepEqual(calls(graph, document, kind), calls(reference, document, kind), document);
    }
  }
  return graph;
}

const textOf = ({ composition, services, borders }: Admitted): GraphText | undefined =>
  composition && { sections: composition.sections, api: composition.api, services, borders };

const sorted = (api: string): string => printSchema(lexicographicSortSchema(buildASTSchema(parse(api))));

/** A field with all below it, down to a depth; below a field that leads to the root again only what is a value. */
function written(field: GraphQLField<unknown, unknown>, root: unknown, depth: number): string {
  const given = field.args.filter(isRequiredArgument).map(({ name }) => `${name}: 1`);
  const head = given.length === 0 ? field.name : `${field.name}(${given.join(" ")})`;
  const type = getNamedType(field.type);
  if (!isCompositeType(type)) return head;
  const below = !isObjectType(type) || depth === 0 ? [] : Object.values(type.getFields());
  const wanted = type === root ? below.filter((one) => !isCompositeType(getNamedType(one.type))) : below;
  return `${head} { __typename ${wanted.map((one) => written(one, root, depth - 1)).join(" ")} }`;
}

/** What is asked of whom; mutations in their order, queries in any. A plan in sections need not wait where the other one does. */
function calls(graph: Graph, document: string, kind: "query" | "mutation"): unknown {
  const prepared = graph.prepare(document, undefined, LIMITS);
  if (!prepared.ok) return prepared;
  const { step, projection: _, passThrough, ...rest } = prepared.program;
  const all = step === undefined ? [] : callsOf(step).map((call) => JSON.stringify(call));
  const mutations = all.filter((call) => call.includes('"operation":"mutation"'));
  return { ...rest, passThrough, mutations: kind === "mutation" ? mutations : [], all: all.toSorted() };
}

function callsOf(step: Step): unknown[] {
  if (step.kind === "sequence" || step.kind === "parallel") return step.steps.flatMap(callsOf);
  if (step.kind === "when") return [];
  return [
    step.kind === "fetch" ? step : { ...step, groups: step.groups.map(({ splice: _, ...group }) => group) },
  ];
}
