// The published shapes of `--json` fit what the verbs answer: each fixed result has every field, and nothing is undocumented.

import assert from "node:assert/strict";
import { test } from "node:test";
import { VERBS } from "../src/cli/index.ts";
import { RESULTS } from "../src/cli/testdata/results.ts";
import { JSON_SHAPES } from "./json-shapes.ts";

test("every result of the admin contract fits its shape, with no field left out", () => {
  for (const [verb, result] of Object.entries(RESULTS)) {
    const shape = JSON_SHAPES[verb.replace(".", " ")];
    // A configuration is described by schema/catalyst.schema.json; `identity` only marks screens and prints nothing.
    if (verb === "config.show" || verb === "identity") continue;
    assert.ok(shape !== undefined, verb);
    const answer = verb === "key.jwks" ? { keys: RESULTS["key.jwks"].keys } : result;
    // Open objects drop what they do not name, so a field without documentation would be missing here.
    assert.deepEqual(shape.parse(answer), answer, verb);
  }
});

test("every verb that answers has a shape", () => {
  const elsewhere = new Set(["run", "demo", "replay", "query", "config show", "config schema"]);
  const without = VERBS.filter(({ name }) => !elsewhere.has(name) && JSON_SHAPES[name] === undefined);
  assert.deepEqual(
    without.map(({ name }) => name),
    [],
  );
});
