// `npm run check`: everything about the sources that needs no running node: format, lint, types, unused code, generated
// files in step. All steps run even when one fails, so that one run shows everything. `--fix` repairs what can be repaired
// by machine first. Invariant: without it a check never changes the tree.

import { spawnSync } from "node:child_process";
import { join } from "node:path";

interface Outcome {
  readonly ok: boolean;
  readonly text: string;
}

const root = join(import.meta.dirname, "..");
process.chdir(root);
const bin = (name: string) => join("node_modules/.bin", name);

const LINT = ["--type-aware", "--report-unused-disable-directives", "--format=unix"];

const STEPS: readonly { readonly name: string; readonly run: () => Outcome }[] = [
  { name: "format", run: () => command(bin("oxfmt"), "--check", ".") },
  { name: "lint", run: () => command(bin("oxlint"), ...LINT) },
  { name: "types", run: () => command(bin("tsc"), "-p", "tsconfig.json", "--pretty", "false") },
  { name: "unused", run: () => command(bin("knip"), "--no-progress", "--no-config-hints") },
  {
    name: "generated",
    run: () =>
      command(process.execPath, "--disable-warning=ExperimentalWarning", "tools/generate.ts", "--check"),
  },
];

if (process.argv.includes("--fix")) {
  command(bin("oxfmt"), "--write", ".");
  command(bin("oxlint"), "--type-aware", "--fix");
  command(process.execPath, "tools/lint.ts");
  command(process.execPath, "tools/generate.ts");
}

let failed = 0;
for (const { name, run } of STEPS) {
  const started = performance.now();
  const { ok, text } = run();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${ok ? "ok  " : "FAIL"} ${name}  ${seconds} s`);
  if (ok) continue;
  failed += 1;
  console.log(`${text.trim().replaceAll(/^/gm, "    ")}\n`);
}
console.log(`${STEPS.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function command(file: string, ...args: readonly string[]): Outcome {
  const ran = spawnSync(file, args, {
    encoding: "utf8",
    maxBuffer: 64 << 20,
    env: { ...process.env, NO_COLOR: "1" },
  });
  const said = `${ran.stdout ?? ""}${ran.stderr ?? ""}${ran.error === undefined ? "" : String(ran.error)}`;
  return { ok: ran.status === 0, text: said === "" ? `exit code ${ran.status}` : said };
}
