// One bad schema is left out by name, the rest goes on; what came first stays.

import assert from "node:assert/strict";
import { test } from "node:test";
import { FEDERATION } from "../kit.common-case.ts";
import { compose } from "./composer.ts";
import type { SubgraphSdl } from "./message.ts";
import { admit } from "./quarantine.ts";
import { SDL_BYTES_MAX } from "./sdl.ts";

const plain = (name: string, sdl: string): SubgraphSdl => ({ name, kind: "graphql", sdl });
const federated = (name: string, sdl: string): SubgraphSdl => ({
  name,
  kind: "federation",
  sdl: FEDERATION + sdl,
});

function codes(services: readonly SubgraphSdl[]) {
  const { services: kept, quarantined } = admit(services, compose);
  return { kept, out: quarantined.map(({ service, code }) => [service, code]) };
}

test("a schema that is bad by itself is left out, whatever is wrong with it", () => {
  const good = plain("good", "type Query { a: Int }");
  const cases: readonly (readonly [string, string])[] = [
    ["type Query {", "ERR_SCHEMA_INVALID"],
    ["type Query { a: Missing }", "ERR_SCHEMA_INVALID"],
    ["", "ERR_SCHEMA_INVALID"],
    [`type Query { a: ${"[".repeat(50_000)}Int${"]".repeat(50_000)} }`, "ERR_SCHEMA_INVALID"],
    [`# ${"x".repeat(SDL_BYTES_MAX)}\ntype Query { a: Int }`, "ERR_SCHEMA_TOO_LARGE"],
    [
      Array.from({ length: 5_001 }, (_, index) => `type T${index} { a: Int }`).join("\n"),
      "ERR_SCHEMA_TOO_LARGE",
    ],
  ];
  for (const [sdl, code] of cases) {
    assert.deepEqual(codes([plain("bad", sdl), good]), { kept: ["good"], out: [["bad", code]] });
  }
});

test("of two that conflict the newer one is left out", () => {
  const first = plain("first", "type Query { a: User } type User { id: ID! }");
  const second = plain("second", "type Query { b: User } type User { id: Int }");
  assert.deepEqual(codes([first, second]).out, [["second", "ERR_SCHEMA_CONFLICT"]]);
  assert.deepEqual(codes([second, first]).out, [["first", "ERR_SCHEMA_CONFLICT"]]);
});

test("several conflicts at once cost only their newer sides", () => {
  const services = [
    plain("a", "type Query { a: User } type User { id: ID! }"),
    plain("b", "type Query { b: User } enum User { X }"),
    federated("c", 'type Query { c: Int @shareable } type P @key(fields: "id") { id: ID! n: Int }'),
    federated("d", 'type Query { d: Int } type P @key(fields: "id") { id: ID! n: Int }'),
    plain("e", "type Query { e: Int }"),
  ];
  const { kept, out } = codes(services);
  assert.deepEqual(kept, ["a", "c", "e"]);
  assert.deepEqual(out.map(([name]) => name).toSorted(), ["b", "d"]);
});

test("a type without key that differs between two services is a conflict, with both named in the text", () => {
  const services = [
    plain("a", "type Query { u: User } type User { id: ID name: String }"),
    plain("b", "type Query { v: User } type User { id: ID email: String }"),
  ];
  const { quarantined } = admit(services, compose);
  assert.equal(quarantined[0]?.service, "b");
  assert.match(
    quarantined[0]?.text ?? "",
    /TYPE_WITHOUT_KEY: Type "User" has field "email" in "b" but not in "a"/,
  );
});

test("a type without key may differ below an entity, and where it is only external", () => {
  const services = [
    federated(
      "a",
      'type Query { p: P } type P @key(fields: "id") { id: ID! s: Size } type Size @shareable { w: Int h: Int }',
    ),
    federated(
      "b",
      'type P @key(fields: "id") { id: ID! s: Size @external x: Int @requires(fields: "s { w }") } type Size @shareable { w: Int }',
    ),
  ];
  assert.deepEqual(codes(services).out, []);
});

test("directives of plain services and what only federation servers show are no part of the graph", () => {
  const services = [
    plain(
      "a",
      `directive @key(fields: String) on OBJECT
       type Query { u: User _service: _Service _entities(representations: [_Any!]!): [_Entity] }
       type User @key(fields: "id") { id: ID! }
       type _Service { sdl: String } union _Entity = User scalar _Any`,
    ),
  ];
  const { composition, quarantined } = admit(services, compose);
  assert.deepEqual(quarantined, []);
  assert.ok(!composition?.api.includes("_Service"));
  assert.ok(!composition?.sections[0]?.supergraph.includes('key: "id"'));
});

test("a composer that names nobody costs only the services that do not fit", () => {
  const services = ["a", "b", "c", "d", "e"].map((name) => plain(name, `type Query { ${name}: Int }`));
  const { services: kept, quarantined } = admit(services, (subgraphs) =>
    subgraphs.some(({ name }) => name === "b" || name === "e")
      ? { ok: false, faults: [{ code: "X", text: "no", services: [] }] }
      : compose(subgraphs),
  );
  assert.deepEqual(kept, ["a", "c", "d"]);
  assert.deepEqual(
    quarantined.map(({ service }) => service),
    ["b", "e"],
  );
});

test("composition goes without the proof of satisfiability, which is too slow for many services", () => {
  // Satisfiable only by a value that no query needs: the rule would refuse it, the planner serves it.
  const result = compose(
    [
      federated("a", 'type Query { p: P } type P @key(fields: "id") { id: ID! a: Int }'),
      federated("b", 'type P @key(fields: "other") { other: ID! b: Int }'),
    ].map((service) => ({ name: service.name, document: admitDocument(service) })),
  );
  assert.equal(result.ok, true);
});

function admitDocument(service: SubgraphSdl) {
  const documents: Parameters<typeof compose>[0][number]["document"][] = [];
  admit([service], (subgraphs) => {
    documents.push(...subgraphs.map(({ document }) => document));
    return { ok: false, faults: [] };
  });
  const [document] = documents;
  if (document === undefined) throw new Error("the schema was refused");
  return document;
}
