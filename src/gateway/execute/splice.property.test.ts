// What is cut out of an answer is what the parser would have found, for any JSON; whatever has another form is left alone.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { JsonObject } from "./merge.ts";
import { Text } from "./runtime.ts";
import { compileSplice } from "./splice.ts";

function spliced(body: string, count: number): JsonObject[] | undefined {
  const targets = Array.from({ length: count }, (): JsonObject => ({ kept: 1 }));
  const bytes = Buffer.from(body);
  const done = compileSplice(["a", "b"])(
    bytes,
    bytes.every((byte) => byte < 128),
    targets.map((target) => [target]),
  );
  if (done) return targets;
  assert.deepEqual(
    targets,
    targets.map(() => ({ kept: 1 })),
    "an answer that is not taken changes nothing",
  );
  return undefined;
}

const textOf = (value: unknown): string => (value instanceof Text ? value.text : JSON.stringify(value));

test("fields are cut out exactly as they stand", () => {
  const entity = fc.option(fc.record({ a: fc.jsonValue(), b: fc.jsonValue() }, { noNullPrototype: true }), {
    nil: null,
  });
  fc.assert(
    fc.property(fc.array(entity, { maxLength: 5 }), (entities) => {
      const ordered = entities.map((each) => each && { a: each.a, b: each.b });
      const targets = spliced(JSON.stringify({ data: { _entities: ordered } }), ordered.length);
      assert.ok(targets !== undefined);
      targets.forEach((target, index) => {
        const each = ordered[index];
        if (each === null || each === undefined) assert.deepEqual(target, { kept: 1 });
        else
          assert.deepEqual(
            [textOf(target["a"]), textOf(target["b"])],
            [JSON.stringify(each.a), JSON.stringify(each.b)],
          );
      });
    }),
  );
});

test("a cut answer, or one of another form, is never taken", () => {
  const whole = JSON.stringify({ data: { _entities: [{ a: 'x\\"}', b: [{ c: "]" }] }, null] } });
  assert.ok(spliced(whole, 2) !== undefined);
  for (let end = 0; end < whole.length; end++) assert.equal(spliced(whole.slice(0, end), 2), undefined);
  const others = [
    `{"data":{"_entities":[{"b":1,"a":1}]}}`,
    `{"data":{"_entities":[{"a":1}]}}`,
    `{"data":{"_entities":[{"a":1,"b":1,"c":1}]}}`,
    `{"data":{"_entities":[{"a":,"b":1}]}}`,
    `{"data":{"_entities":[{"a":1,"b":1}]},"errors":[]}`,
    `{"data":{"_entities":[{"a":1,"b":1}]},"extensions":{}}`,
    `{"errors":[],"data":{"_entities":[{"a":1,"b":1}]}}`,
    `{ "data":{"_entities":[{"a":1,"b":1}]}}`,
    `{"data":{"_entities":[{"a":1,"b":1},{"a":1,"b":1}]}}`,
    `{"data":{"_entities":[]}}`,
    `{"data":{"_entities":null}}`,
  ];
  for (const body of others) assert.equal(spliced(body, 1), undefined, body);
});
