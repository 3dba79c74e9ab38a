import assert from "node:assert/strict";
import { test } from "node:test";
import { catalyst, fixedNode } from "../testing.ts";
import { RESULTS } from "../testdata/results.ts";

test("check --wait ends when nothing fatal fails, and does not wait for a warning to go", async (t) => {
  const [good, warning] = RESULTS.check;
  assert.ok(good !== undefined && warning !== undefined);
  assert.deepEqual([warning.ok, warning.severity], [false, "warning"]);
  const node = await fixedNode(t, { check: [good, warning] });
  const { code } = await catalyst(`check --wait 1s --data-dir ${node.dataDir}`);
  assert.equal(code, 0);
  assert.equal(node.calls.filter(([verb]) => verb === "check").length, 1, "asked once");
});
