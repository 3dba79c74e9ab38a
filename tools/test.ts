// `npm test`: every test that this machine can run, in three groups. The pure rooms share one process (a hundred times
// faster than a process a file, and safe because they touch nothing global); the rest runs a process a file, two at a time;
// what starts whole nodes runs one after the other. Arguments pass through: flags go to `node --test`, anything else is a
// part of a path (`npm test -- src/kernel`). Invariant: a run that found no test is an error, never a success.

import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MISSING, underCi } from "../test/kit/needs.ts";
import type { Summary } from "./test-reporter.ts";

interface Group {
  readonly name: string;
  readonly flags: readonly string[];
  readonly takes: (file: string) => boolean;
}

const PURE = ["src/kernel/", "src/routing/", "src/policy/", "src/config/", "src/envoy/translate/"];
const WHOLE_NODES = ["test/e2e/", "test/docs.test.ts", "test/release.test.ts"];

/** First match wins. A file's whole run has the time limit of its group, so a hang ends with the file's name. */
const GROUPS: readonly Group[] = [
  {
    name: "pure",
    flags: ["--test-isolation=none", "--test-timeout=120000"],
    takes: (file) => PURE.some((room) => file.startsWith(room)),
  },
  {
    name: "e2e",
    flags: ["--test-concurrency=1", "--test-timeout=300000"],
    takes: (file) => WHOLE_NODES.some((place) => file.startsWith(place)),
  },
  { name: "rooms", flags: ["--test-concurrency=2", "--test-timeout=120000"], takes: () => true },
];
const ORDER = ["pure", "rooms", "e2e"];

const root = join(import.meta.dirname, "..");
process.chdir(root);
const flags = process.argv.slice(2).filter((argument) => argument.startsWith("-"));
const filters = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));

const patterns = ["src", "sdk", "examples", "tools", "test"].map((folder) => `${folder}/**/*.test.ts`);
const files = globSync(patterns, { exclude: ["**/node_modules/**", "**/testdata/**", "**/dist/**"] })
  .filter((file) => filters.length === 0 || filters.some((part) => file.includes(part.replace(/^\.\//, ""))))
  .toSorted();

const scratch = mkdtempSync(join(tmpdir(), "catalyst-test-"));
process.on("exit", () => {
  rmSync(scratch, { recursive: true, force: true });
});

const total: Summary = { passed: 0, failed: 0, skipped: 0, failures: [], skips: [] };
const times: string[] = [];
for (const name of ORDER) {
  const group = GROUPS.find((candidate) => candidate.name === name);
  if (group === undefined) continue;
  const own = files.filter((file) => GROUPS.find((candidate) => candidate.takes(file)) === group);
  if (own.length === 0) continue;
  const started = performance.now();
  const summary = run(group, own);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  times.push(`${name}: ${own.length} files, ${summary.passed + summary.failed} tests, ${seconds} s`);
  total.passed += summary.passed;
  total.failed += summary.failed;
  total.skipped += summary.skipped;
  total.failures.push(...summary.failures);
  total.skips.push(...summary.skips);
}
report();

function run(group: Group, own: readonly string[]): Summary {
  console.log(`\n${group.name}: ${own.length} files`);
  const target = join(scratch, `${group.name}.json`);
  const child = spawnSync(
    process.execPath,
    [
      "--disable-warning=ExperimentalWarning",
      "--test",
      ...group.flags,
      "--test-reporter=./tools/test-reporter.ts",
      "--test-reporter-destination=stdout",
      ...flags,
      ...own,
    ],
    {
      stdio: ["ignore", "inherit", "inherit"],
      env: {
        ...process.env,
        TEST_SUMMARY_FILE: target,
        NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? join(root, "node_modules/.cache/compile"),
      },
    },
  );
  try {
    return JSON.parse(readFileSync(target, "utf8")) as Summary;
  } catch (cause) {
    const how = child.signal ?? `exit code ${child.status}`;
    console.log(`FAIL the group "${group.name}" ended without a summary (${how}): ${String(cause)}`);
    const failures = [{ file: group.name, name: `the whole group (${how})` }];
    return { passed: 0, failed: 1, skipped: 0, failures, skips: [] };
  }
}

function report(): void {
  console.log("");
  for (const time of times) console.log(time);
  if (total.failures.length > 0) {
    console.log("failed:");
    for (const { file, name } of total.failures) console.log(`  ${file} > ${name}`);
  }
  const missing = new Map<string, number>();
  for (const { reason } of total.skips) {
    if (!reason.startsWith(MISSING)) continue;
    const part = reason.slice(MISSING.length);
    missing.set(part, (missing.get(part) ?? 0) + 1);
  }
  for (const [part, count] of missing) {
    console.log(`missing: ${part}: ${count} tests did not run${underCi() ? "; an error under CI=true" : ""}`);
  }
  const counted = total.passed + total.failed + total.skipped;
  if (counted === 0) console.log(`no test found${filters.length > 0 ? ` for ${filters.join(" ")}` : ""}`);
  const ok = counted > 0 && total.failed === 0 && !(underCi() && missing.size > 0);
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  process.exitCode = ok ? 0 : 1;
}
