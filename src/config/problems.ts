// What is wrong with a configuration: one problem has a place, a key, a reason and, where something near is known, the word
// that was probably meant. All problems of all sources are told at once, in the order of their places.

import { CatalystError } from "#rpc";
import { type Origin, originText } from "./tree.ts";

export interface Problem {
  readonly origin: Origin;
  /** "services[0].name"; empty when it concerns a source as a whole. */
  readonly key: string;
  /** Lower case, no full stop, after the key in a sentence: `must be …`. */
  readonly reason: string;
  /** Nearest valid key, flag or value. */
  readonly meant?: string;
}

/** ERR_CONFIG_INVALID with every problem in `detail` and, one a line, in the message. */
export function configInvalid(problems: readonly Problem[]): CatalystError {
  const sorted = byPlace(problems);
  const count = sorted.length === 1 ? "a problem" : `${sorted.length} problems`;
  return new CatalystError("ERR_CONFIG_INVALID", `the configuration has ${count}\n${problemLines(sorted)}`, {
    hint: "catalyst config schema, or docs/reference/configuration.md",
    detail: sorted.map(problemData),
  });
}

/** Files in the order they were read, then environment, then flags; within a file from top to bottom. */
function byPlace(problems: readonly Problem[]): Problem[] {
  const files = [...new Set(problems.flatMap(({ origin }) => (origin.kind === "file" ? [origin.file] : [])))];
  const rank = ({ origin }: Problem): readonly number[] => {
    if (origin.kind === "file") return [files.indexOf(origin.file), origin.line, origin.column];
    return [files.length + (origin.kind === "env" ? 0 : 1)];
  };
  const compare = (a: readonly number[], b: readonly number[]): number =>
    a.map((each, index) => each - (b[index] ?? 0)).find((each) => each !== 0) ?? 0;
  return problems.toSorted((a, b) => compare(rank(a), rank(b)));
}

/** As `--json` and RPC carry it. */
export function problemData({ origin, key, reason, meant }: Problem): Readonly<Record<string, unknown>> {
  return { ...place(origin), key, reason, ...(meant === undefined ? {} : { meant }) };
}

function place(origin: Origin): Readonly<Record<string, unknown>> {
  if (origin.kind === "file")
    return { file: origin.file, ...(origin.line === 0 ? {} : { line: origin.line, column: origin.column }) };
  if (origin.kind === "env") return { env: origin.name };
  return origin.kind === "flag" ? { flag: origin.flag } : {};
}

/** A table of two columns: where, what. */
export function problemLines(problems: readonly Problem[]): string {
  const places = problems.map(({ origin }) => originText(origin, process.cwd()));
  const width = Math.min(60, Math.max(...places.map((each) => each.length)));
  return problems
    .map(({ key, reason, meant }, index) => {
      const subject = key === "" ? reason : `${key}: ${reason}`;
      const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
      return `  ${(places[index] ?? "").padEnd(width)}  ${subject}${hint}`;
    })
    .join("\n");
}
