// Names there and back, limits, and who is left out when foreign schemas meet ours and each other.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parse } from "graphql";
import { FEDERATION } from "../../kit.common-case.ts";
import { compose } from "../composer.ts";
import type { SubgraphSdl } from "../message.ts";
import { admit } from "../quarantine.ts";
import { admitForeign, isForeign } from "./admit.ts";
import { BorderNames } from "./names.ts";

const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,8}$/);

test("their names, made ours, come back as they were, and none meets another", () => {
  fc.assert(
    fc.property(name, fc.uniqueArray(name), fc.uniqueArray(name), (prefix, shared, types) => {
      const names = new BorderNames({ prefix, shared });
      // A shared name that looks like a prefixed one is refused before.
      fc.pre(!shared.some((one) => one.startsWith(names.typePrefix)));
      const roots = ["Query", "Mutation", "Subscription"];
      const plain = types.filter((type) => !roots.includes(type));
      for (const type of plain) assert.equal(names.theirsOfType(names.oursOfType(type)), type);
      for (const field of types) assert.equal(names.theirsOfRootField(names.oursOfRootField(field)), field);
      assert.equal(new Set(plain.map((type) => names.oursOfType(type))).size, plain.length);
      for (const fixed of [...shared, ...roots, "ID"]) assert.equal(names.theirsOfType(fixed), fixed);
    }),
  );
});

const own = (sdl: string): SubgraphSdl => ({ name: "own", kind: "federation", sdl: FEDERATION + sdl });

function foreign(sdl: string, some: Partial<NonNullable<SubgraphSdl["foreign"]>> = {}): SubgraphSdl {
  const { organization = "globex.internal", prefix = "globex", shared = [] } = some;
  return { name: `far.${organization}`, sdl, foreign: { organization, prefix, shared } };
}

const PRODUCTS = own('type Query { a: Int } type Product @key(fields: "upc") { upc: ID! name: String }');

function out(...services: SubgraphSdl[]): [string, string, string][] {
  const { quarantined } = admit(services, compose);
  return quarantined.map(({ service, code, text }) => [service, code, text]);
}

function api(...services: SubgraphSdl[]): string {
  const { composition, quarantined } = admit(services, compose);
  assert.deepEqual(quarantined, []);
  return composition?.api ?? "";
}

test("a schema over a limit is left out, whatever grows", () => {
  const many = (count: number, one: (index: number) => string) =>
    Array.from({ length: count }, (_, i) => one(i)).join("\n");
  const cases: readonly (readonly [string, RegExp])[] = [
    [`"""${"x".repeat(1 << 20)}""" type Query { a: Int }`, /larger than/],
    [`type Query { a: Int } ${many(2_100, (i) => `scalar S${i}`)}`, /definitions/],
    [`type Query { ${many(1_100, (i) => `f${i}: Int`)} }`, /fields in one type/],
    [
      `type Query { a: Int } ${many(40, (i) => `type T${i} { ${many(600, (j) => `f${j}: Int`)} }`)}`,
      /fields, arguments/,
    ],
    [`type Query { a(${many(60, (i) => `x${i}: Int`)}): Int }`, /arguments/],
    [`type Query { ${"a".repeat(200)}: Int }`, /name longer/],
    [`type Query { a: ${"[".repeat(9)}Int${"]".repeat(9)} }`, /deeper/],
    [`type Query { a: Int } enum E { ${many(1_100, (i) => `V${i}`)} }`, /values of one enum/],
    [`type Query { a: Int } ${many(70_000, () => "# x\n{}")}`, /./],
  ];
  for (const [sdl, why] of cases) {
    const [first, ...more] = out(PRODUCTS, foreign(sdl));
    assert.deepEqual([first?.[0], more], ["far.globex.internal", []], sdl.slice(0, 80));
    assert.match(first?.[2] ?? "", why);
  }
});

test("many services of one organization are bounded together, and leave room for others", () => {
  const wide = (index: number, organization: string, prefix: string): SubgraphSdl => {
    const types = Array.from({ length: 10 }, (_, i) => {
      const fields = Array.from({ length: 900 }, (_, j) => `f${j}: Int`).join(" ");
      return `type T${index}x${i} { ${fields} }`;
    });
    const sdl = `type Query { a${index}: Int } ${types.join("\n")}`;
    return { ...foreign(sdl, { organization, prefix }), name: `${prefix}${index}` };
  };
  const { subgraphs, quarantined } = admitForeign(
    [1, 2, 3]
      .map((index) => wide(index, "globex.internal", "globex"))
      .concat(wide(4, "other.internal", "other"))
      .filter(isForeign),
    [],
  );
  assert.deepEqual(
    subgraphs.map(({ name: service }) => service),
    ["globex1", "globex2", "other4"],
  );
  assert.match(quarantined[0]?.text ?? "", /services of globex.internal together/);
});

test("texts are cut, and directives but the allowed ones do not come in", () => {
  const seen = api(
    PRODUCTS,
    foreign(`${FEDERATION} directive @mine(x: Int) repeatable on OBJECT | FIELD_DEFINITION
      type Query @mine(x: 1) { "${"d".repeat(5_000)}" a: Int @deprecated(reason: "${"r".repeat(5_000)}") @tag(name: "t") when: Time one: Int }
      scalar Time @specifiedBy(url: "https://time.example")`),
  );
  assert.doesNotMatch(seen, /d{1100}|r{1100}|@mine|@tag/);
  assert.match(seen, /globex_a: Int @deprecated\(\s*reason: "r+"/);
});

test("what begins with an underscore, is hidden there, or hangs on either, does not come in", () => {
  const seen = api(
    PRODUCTS,
    foreign(`${FEDERATION}
      type Query { _service: Int __x: Int a(_secret: Int, y: Hidden): Int b(z: Hidden!): Int c: _Any d: Deep self: Query }
      scalar _Any
      input Hidden @inaccessible { x: Int }
      type Deep { below: Deeper } type Deeper { gone: _Any }
      extend type Query { e: Int @inaccessible f: [Int!]! }
      type Subscription { s: Int }`),
  );
  assert.match(seen, /globex_a: Int\n/);
  assert.match(seen, /globex_f: \[Int!\]\n/);
  assert.doesNotMatch(seen, /_service|__x|secret|globex_[bcde]|Deep|Hidden|self|Subscription/);
});

test("a plain service needs no directive to join", () => {
  const seen = api(PRODUCTS, foreign("type Query { money: Money! } type Money { amount: Int! }"));
  assert.match(seen, /globex_money: Globex_Money\n/);
  assert.match(seen, /amount: Int!/);
});

test("two services of one organization federate with each other, under one prefix", () => {
  const seen = api(
    PRODUCTS,
    {
      ...foreign('type Query { u: User } type User @key(fields: "id") { id: ID! name: String! }'),
      name: "users",
    },
    { ...foreign('type User @key(fields: "id") { id: ID! age: Int! }'), name: "ages" },
  );
  assert.match(seen, /type Globex_User \{\s+id: ID!\s+name: String\s+age: Int\s+\}/);
});

test("a prefix or a name belongs to one organization", () => {
  const other = { organization: "globex.example" };
  const one = foreign("type Query { x: T } type T { a: Int }");
  assert.match(
    String(out(PRODUCTS, one, foreign("type Query { y: Int }", other))),
    /prefix "globex" is taken by globex.internal/,
  );
  const taken = own("type Query { globex_x: Int } type Globex_T { z: Int }");
  assert.match(String(out(taken, one)), /far.globex.internal.*taken by this organization/);
  const nested = foreign("type Query { b_x: B_T } type B_T { a: Int }", { prefix: "a" });
  const inner = foreign("type Query { x: T } type T { a: Int }", {
    organization: "other.internal",
    prefix: "a_b",
  });
  assert.match(String(out(PRODUCTS, nested, inner)), /far.other.internal.*taken by globex.internal/);
});

test("a shared type needs an entity of ours with an equal key", () => {
  const product = (key: string) =>
    `type Product @key(fields: "${key}") { upc: ID! sku: ID! id: Int! x: Int }`;
  const share = (sdl: string, shared = ["Product"]) => foreign(FEDERATION + sdl, { shared });
  assert.match(
    String(out(PRODUCTS, share(product("sku")))),
    /keys of shared type "Product" differ: ours "upc"; there "sku"/,
  );
  assert.match(
    String(out(own("type Query { a: Int }"), share(product("upc")))),
    /not in the graph of this organization/,
  );
  assert.match(
    String(out(own("type Query { p: Product } type Product { upc: ID! }"), share(product("upc")))),
    /no @key/,
  );
  assert.match(
    String(out(PRODUCTS, share('type Product @key(fields: "upc") { upc: Int! x: Int }'))),
    /upc" is ID here and Int! there/,
  );
  assert.match(String(out(PRODUCTS, share("type Query { a: Int }", ["Query"]))), /cannot be shared/);
  assert.match(String(out(PRODUCTS, share("input Product { upc: ID! }"))), /no object type there/);
  assert.match(
    api(PRODUCTS, share(product(" upc "))),
    /type Product \{\s+upc: ID!\s+name: String\s+sku: ID\s+id: Int\s+x: Int\s+\}/,
  );
});

test("who breaks the sum is left out, ours stands", () => {
  const one = { ...foreign("type Query { x: T } type T { a: Int }"), name: "one" };
  const two = { ...foreign("type Query { y: T } enum T { A }"), name: "two" };
  const services = [PRODUCTS, one, two];
  const { services: kept, borders } = admit(services, compose);
  assert.deepEqual(kept, ["own", "one"]);
  assert.deepEqual(Object.keys(borders), ["1"]);
  const broken = (subgraphs: Parameters<typeof compose>[0]) =>
    subgraphs.some(({ name: service }) => service === "one")
      ? { ok: false as const, faults: [{ code: "X", text: "ours is named", services: ["own"] }] }
      : compose(subgraphs);
  assert.deepEqual(admit([PRODUCTS, one], broken).services, ["own"]);
});

test("the schema that goes to the composer holds no directive but ours, and parses", () => {
  const { borders } = admit([PRODUCTS, foreign("type Query { a: Int }")], compose);
  const sdl = borders[1]?.sdl ?? "";
  assert.ok(parse(sdl));
  assert.deepEqual([...new Set(sdl.match(/@\w+(?=[( ])/g))].toSorted(), ["@link"]);
});
