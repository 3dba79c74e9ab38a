// What the composer gets wrong and we put right. When one of these fails before the repair, an upgrade has fixed it: remove both.

import assert from "node:assert/strict";
import { test } from "node:test";
import { composeServices } from "@theguild/federation-composition";
import { parse } from "graphql";
import { FEDERATION } from "../kit.common-case.ts";
import { repair, repairApi } from "./repair.ts";

function composed(sdls: Readonly<Record<string, string>>) {
  const subgraphs = Object.entries(sdls).map(([name, sdl]) => ({ name, document: parse(FEDERATION + sdl) }));
  const result = composeServices(
    subgraphs.map(({ name, document }) => ({ name, typeDefs: document, url: "" })),
    { disableValidationRules: ["SatisfiabilityRule"] },
  );
  if (result.errors !== undefined) throw new Error(result.errors[0]?.message);
  return { subgraphs, supergraph: result.supergraphSdl, api: result.publicSdl };
}

/** The line of a type's field. */
function field(sdl: string, type: string, name: string): string {
  const body = new RegExp(`interface ${type}[^{]*\\{([^}]*)\\}`).exec(sdl)?.[1] ?? "";
  return (
    body
      .split("\n")
      .find((line) => line.trim().startsWith(`${name}:`))
      ?.trim() ?? ""
  );
}

test("an external field of an interface object keeps who owns it", () => {
  const { subgraphs, supergraph } = composed({
    a: `type Query { all: [Node] } interface Node @key(fields: "id") { id: ID! name: String }
      type User implements Node @key(fields: "id") { id: ID! name: String }`,
    b: `type Node @key(fields: "id") @interfaceObject {
      id: ID! name: String @external title: String @requires(fields: "name") }`,
  });
  assert.equal(field(supergraph, "Node", "name"), "name: String", "before the repair");
  assert.equal(
    field(repair(supergraph, subgraphs), "Node", "name"),
    "name: String @join__field(graph: A) @join__field(graph: B, external: true)",
  );
});

test("a supergraph without such fields is left as it is, to the letter", () => {
  const { subgraphs, supergraph } = composed({ a: "type Query { a: Int }" });
  assert.equal(repair(supergraph, subgraphs), supergraph);
});

test("a hidden type is no member of a union of the API", () => {
  const { api } = composed({
    a: "type Query { u: U } union U = A | B type A { a: Int } type B @inaccessible { b: Int }",
  });
  assert.match(api, /union U = A \| B/, "before the repair");
  assert.match(repairApi(api), /union U = A$/m);
});
