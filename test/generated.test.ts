// Everything generated is as it would be generated now: whoever changes a source runs `npm run generate` with it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { generateAll, stale } from "../tools/generate.ts";

test("generated files are in step with their sources", async () => {
  assert.deepEqual(stale(await generateAll()), [], "run: npm run generate");
});
