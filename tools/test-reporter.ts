// The reporter of `npm test`: a line per file, failures in full with what the test printed, nothing for a test that passed.
// What came of the run is written as JSON to the file in TEST_SUMMARY_FILE, where tools/test.ts adds the groups up.
// Invariant: every test is counted once, suites are not; a file that crashes or cannot be loaded counts as a failed test.

import { writeFileSync } from "node:fs";
import { relative } from "node:path";
import type { TestEvent } from "node:test/reporters";
import { inspect, stripVTControlCharacters } from "node:util";

export interface Summary {
  passed: number;
  failed: number;
  skipped: number;
  readonly failures: { readonly file: string; readonly name: string }[];
  readonly skips: { readonly file: string; readonly name: string; readonly reason: string }[];
}

interface FileCount {
  passed: number;
  failed: number;
  skipped: number;
  ms: number;
}

async function* reporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const summary: Summary = { passed: 0, failed: 0, skipped: 0, failures: [], skips: [] };
  const files = new Map<string, FileCount>();
  const printed = new Map<string, string[]>();
  for await (const event of source) {
    if (event.type === "test:stdout" || event.type === "test:stderr") {
      const file = nameOf(event.data.file);
      printed.set(file, [...(printed.get(file) ?? []), event.data.message].slice(-200));
    } else if (event.type === "test:pass" || event.type === "test:fail") {
      const { data } = event;
      const file = nameOf(data.file);
      const count = files.get(file) ?? { passed: 0, failed: 0, skipped: 0, ms: 0 };
      files.set(file, count);
      if (data.nesting === 0) count.ms += data.details.duration_ms;
      const suite = data.details.type === "suite";
      if (event.type === "test:fail" && data.todo === undefined) {
        // It failed because of a test in it, which was counted; unless its own hook or body threw.
        if (isOfSubtests(event.data.details.error)) continue;
        count.failed += 1;
        summary.failures.push({ file, name: data.name });
        yield failure(file, data.name, event.data.details.error, printed.get(file));
        printed.delete(file);
      } else if (suite) {
        continue;
      } else if (nameOf(data.name) === file) {
        count.failed += 1;
        summary.failures.push({ file, name: "the file holds no test" });
      } else if (data.skip !== undefined || data.todo !== undefined) {
        count.skipped += 1;
        const reason = typeof data.skip === "string" ? data.skip : "";
        summary.skips.push({ file, name: data.name, reason });
      } else {
        count.passed += 1;
      }
    } else if (event.type === "test:summary" && event.data.file !== undefined) {
      const file = nameOf(event.data.file);
      const count = files.get(file);
      if (count !== undefined) yield line(file, count);
      files.delete(file);
      add(summary, count);
    }
  }
  for (const [file, count] of files) {
    yield line(file, count);
    add(summary, count);
  }
  const target = process.env["TEST_SUMMARY_FILE"];
  if (target !== undefined) writeFileSync(target, JSON.stringify(summary));
}

// The form in which Node loads a reporter.
export default reporter;

function add(summary: Summary, count: FileCount | undefined): void {
  summary.passed += count?.passed ?? 0;
  summary.failed += count?.failed ?? 0;
  summary.skipped += count?.skipped ?? 0;
}

function nameOf(file: string | undefined): string {
  return file === undefined ? "(no file)" : relative(process.cwd(), file);
}

function line(file: string, count: FileCount): string {
  const failed = count.failed > 0 ? `  ${count.failed} failed` : "";
  const skipped = count.skipped > 0 ? `  ${count.skipped} skipped` : "";
  const mark = count.failed > 0 ? "FAIL" : "ok  ";
  return `${mark} ${file}  ${count.passed} passed${failed}${skipped}  ${Math.round(count.ms)} ms\n`;
}

function isOfSubtests(error: unknown): boolean {
  return error instanceof Error && "failureType" in error && error.failureType === "subtestsFailed";
}

function failure(file: string, name: string, error: unknown, output: readonly string[] | undefined): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const shown = typeof cause === "string" ? cause : inspect(cause, { depth: 6, colors: false });
  const own = shown.split("\n").filter((frame) => !/^\s+at .*\(?node:internal/.test(frame));
  const text = stripVTControlCharacters(own.join("\n")).replaceAll(/^/gm, "    ");
  const said = output === undefined ? "" : `    printed:\n${output.join("").replaceAll(/^/gm, "    | ")}\n`;
  return `\nFAIL ${file} > ${name}\n${text}\n${said}\n`;
}
