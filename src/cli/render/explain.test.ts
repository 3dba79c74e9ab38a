// The screens of `route explain`, from plain explanations, against a golden file.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { EXPLANATIONS } from "../testdata/explanations.ts";
import { explainText } from "./explain.ts";
import { PLAIN, styleFor } from "./style.ts";

const all = (style = PLAIN): string =>
  Object.entries(EXPLANATIONS)
    .map(([name, explanation]) => `# ${name}\n${explainText(explanation, style)}\n`)
    .join("\n");

test("each candidate says what decided, and what is absent says which gate stopped it", (t) => {
  const golden = join(import.meta.dirname, "../testdata/explain.out.txt");
  t.assert.fileSnapshot(all(), golden, { serializers: [String] });
});

test("colour says nothing that the words do not", () => {
  const coloured = all(styleFor({ isTTY: true }, true));
  assert.match(coloured, /\u001b\[/);
  assert.equal(coloured.replaceAll(/\u001b\[\d+m/g, ""), all());
});
