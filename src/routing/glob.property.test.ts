import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { globMatches, globOf, tailOf } from "./glob.ts";

const letters = (units: string) => fc.string({ unit: fc.constantFrom(...units), maxLength: 8 });

test("a pattern matches what the same pattern as a regular expression does", () => {
  fc.assert(
    fc.property(letters("ab*."), letters("ab."), (pattern, text) => {
      const literal = pattern.replaceAll(".", String.raw`\.`).replaceAll("*", ".*");
      const glob = globOf(pattern);
      assert.equal(globMatches(glob, text), new RegExp(`^${literal}$`).test(text), `${pattern} ~ ${text}`);
      if (globMatches(glob, text)) assert.ok(text.endsWith(tailOf(glob)));
    }),
    { numRuns: 5_000 },
  );
});
