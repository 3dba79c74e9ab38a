import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CheckedSdls } from "./checked.ts";
import { compose } from "./composer.ts";
import type { SubgraphSdl } from "./message.ts";
import { admit } from "./quarantine.ts";

const LINK =
  'extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@shareable"])';

/** Schemas that extend each other, repeat a field, conflict, or do not parse; each under several names. */
const SDLS = [
  `${LINK} type Query { products: [Product!]! } type Product @key(fields: "id") { id: ID! name: String }`,
  `${LINK} type Query { reviews: [Review!]! } type Review { text: String } type Product @key(fields: "id") { id: ID! reviews: [Review!]! }`,
  `${LINK} type Product @key(fields: "id") { id: ID! name: Int } type Query { odd: Int }`,
  "type Query { plain: Plain } type Plain { id: ID! size: Size } enum Size { S M }",
  "type Query { plain: Plain } type Plain { id: ID! colour: String } interface Unused { id: ID! }",
  "schema { query: Root } type Root { hello: String! }",
  "type Query {",
  "type Query { broken: Missing }",
];

const service = fc
  .tuple(fc.constantFrom("a", "b", "c", "d"), fc.nat({ max: SDLS.length - 1 }))
  .map(([name, at]): SubgraphSdl => ({ name: `${name}.acme.test`, sdl: SDLS[at] ?? "" }));
const sets = fc.array(fc.uniqueArray(service, { selector: ({ name }) => name, maxLength: 4 }), {
  maxLength: 6,
});

test("what is composed with schemas known from before is what is composed from scratch", () => {
  fc.assert(
    fc.property(sets, (all) => {
      const known = new CheckedSdls();
      for (const services of all) {
        known.begin();
        assert.deepEqual(admit(services, compose, known.check), admit(services, compose));
      }
    }),
    { numRuns: 60 },
  );
});
