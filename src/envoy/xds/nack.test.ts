// Envoy's refusals: what is kept of a text, and whom it names.

import assert from "node:assert/strict";
import { test } from "node:test";
import { refusedNames, scrub } from "./nack.ts";

test("nothing of the message behind a failed constraint is kept", () => {
  const dump = 'goo.gle/debugproto   tls_certificate { private_key { inline_string: "s3cret" } }';
  assert.equal(
    scrub(
      `Proto constraint validation failed (ClusterValidationError.Name: value length (x) must be 1): ${dump}`,
    ),
    "Proto constraint validation failed (ClusterValidationError.Name: value length (x) must be 1)",
  );
  assert.equal(scrub(`Proto constraint validation failed: ${dump}`), "Proto constraint validation failed");
  assert.equal(scrub(`Invalid duration: bad: ${dump}`), "Invalid duration: bad:");
  assert.equal(scrub("a\nb\u0000\u001b[31mc"), "a b [31mc");
  assert.equal(scrub("x".repeat(2_000)).length, 500);
});

test("the refused ones are found by name, whatever the reasons hold", () => {
  const names = ["a", "b", "aa", "c: d"];
  const found = refusedNames("Error adding/updating cluster(s) aa: says b: no, c: d: why, not", names);
  assert.deepEqual(
    [...(found ?? [])],
    [
      ["aa", "says b: no"],
      ["c: d", "why, not"],
    ],
  );
  const lines = refusedNames("Error adding/updating listener(s) a: one\nb: two\n", names);
  assert.deepEqual(
    [...(lines ?? [])],
    [
      ["a", "one"],
      ["b", "two"],
    ],
  );
  assert.equal(refusedNames("Error adding/updating cluster(s) z: who", names), undefined);
  assert.equal(refusedNames("Only unique names allowed", names), undefined);
});
