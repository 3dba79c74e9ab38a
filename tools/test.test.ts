// The test runner itself, run on small folders: what it counts, what it calls an error, and how missing parts are named.
// It matters because everything else is believed on its word.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "..");

function runIn(files: Readonly<Record<string, string>>, args: readonly string[] = [], ci = "") {
  const folder = mkdtempSync(join(tmpdir(), "catalyst-runner-"));
  try {
    for (const part of ["tools/test.ts", "tools/test-reporter.ts", "tools/envoy.lock", "test/kit/needs.ts"]) {
      cpSync(join(root, part), join(folder, part));
    }
    cpSync(join(root, "package.json"), join(folder, "package.json"));
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(folder, name, ".."), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
    const done = spawnSync(process.execPath, [join(folder, "tools/test.ts"), ...args], {
      encoding: "utf8",
      env: { ...environment, CI: ci, XDG_CACHE_HOME: join(folder, "empty"), CATALYST_ENVOY_PATH: "" },
    });
    return { code: done.status, lines: done.stdout.trimEnd().split("\n"), text: done.stdout };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const GOOD = `import { test } from "node:test"; test("a", () => {}); test("b", () => {});`;
const BAD = `import { test } from "node:test"; test("c", (t) => t.test("d", () => { throw new Error("no"); }));`;
const ENVOY = `import { test } from "node:test"; import { needs } from "../test/kit/needs.ts";
  test("e", needs("envoy"), () => {});`;

test("a run adds up all groups and ends with one plain line", () => {
  const ran = runIn({ "src/kernel/x.test.ts": GOOD, "sdk/y.test.ts": GOOD, "test/e2e/z.test.ts": GOOD });
  assert.equal(ran.lines.at(-1), "6 passed, 0 failed, 0 skipped");
  assert.equal(ran.code, 0);
});

test("a failing subtest counts once, and its name is in the last lines", () => {
  const ran = runIn({ "src/kernel/x.test.ts": GOOD, "sdk/y.test.ts": BAD });
  assert.equal(ran.lines.at(-1), "2 passed, 1 failed, 0 skipped");
  assert.ok(ran.lines.includes("  sdk/y.test.ts > d"), ran.text);
  assert.equal(ran.code, 1);
});

test("arguments choose files by a part of their path", () => {
  const ran = runIn({ "src/kernel/x.test.ts": GOOD, "sdk/y.test.ts": BAD }, ["src/kernel"]);
  assert.equal(ran.lines.at(-1), "2 passed, 0 failed, 0 skipped");
  assert.equal(ran.code, 0);
});

test("a run that found no test is an error, and so is a file without a test", () => {
  const none = runIn({ "sdk/y.test.ts": GOOD }, ["no-such-place"]);
  assert.equal(none.lines.at(-2), "no test found for no-such-place");
  assert.equal(none.code, 1);
  const empty = runIn({ "sdk/y.test.ts": "export {};", "src/kernel/x.test.ts": GOOD });
  assert.equal(empty.lines.at(-1), "2 passed, 1 failed, 0 skipped");
  assert.equal(empty.code, 1);
});

test("a missing part skips with its name, and fails under CI", () => {
  const here = runIn({ "sdk/y.test.ts": ENVOY });
  assert.match(here.lines.at(-2) ?? "", /^missing: envoy \(.*\): 1 tests did not run$/);
  assert.equal(here.lines.at(-1), "0 passed, 0 failed, 1 skipped");
  assert.equal(here.code, 0);
  const ci = runIn({ "sdk/y.test.ts": ENVOY }, [], "true");
  assert.equal(ci.lines.at(-1), "0 passed, 1 failed, 1 skipped");
  assert.equal(ci.code, 1);
});
