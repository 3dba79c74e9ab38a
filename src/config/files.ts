// Configuration files: JSON with comments and trailing commas, read into trees that know the line and column of every key and
// value. Everything a file can do wrong by itself (unreadable, no JSON, a key twice) is a problem with its place.
// Invariant: nothing here throws for what a file contains, however deep or large it is.

import { readFileSync, statSync } from "node:fs";
import {
  type Node as JsonNode,
  type ParseError,
  createScanner,
  parseTree,
  printParseErrorCode,
} from "jsonc-parser";
import type { Problem } from "./problems.ts";
import { type Path, pathText } from "./shape.ts";
import { type Origin, type Tree, emptyTree } from "./tree.ts";

/** Ten thousand services with every key need about 5 MB. */
const FILE_BYTES_MAX = 16 * 1024 * 1024;
/** The schema needs eight; plugin settings may go deeper. The parser recurses, so a bound stands before it. */
const DEPTH_MAX = 100;

export interface ReadFile {
  /** Whether the whole file is in the tree; without it nothing can be said about what several keys are together. */
  readonly whole: boolean;
  readonly tree: Tree;
  readonly problems: readonly Problem[];
}

/** Reads one file; `file` is an absolute path. */
export function readConfigFile(file: string): ReadFile {
  const start: Origin = { kind: "file", file, line: 0, column: 0 };
  try {
    if (statSync(file).size > FILE_BYTES_MAX) {
      return failed(start, `is larger than ${FILE_BYTES_MAX / 1024 ** 2} MiB`);
    }
    return parseConfig(file, readFileSync(file, "utf8"));
  } catch (error) {
    return failed(start, unreadable(error));
  }
}

const READ_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  EACCES: "may not be read by this user",
  EISDIR: "is a directory",
};

function unreadable(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return READ_ERRORS[code] ?? `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
}

const failed = (origin: Origin, reason: string): ReadFile => ({
  whole: false,
  tree: emptyTree(),
  problems: [{ origin, key: "", reason }],
});

/** The same for a text that is already there. */
export function parseConfig(file: string, text: string): ReadFile {
  const placeOf = placer(file, text);
  const deep = tooDeep(text);
  if (deep !== undefined) return failed(placeOf(deep), `is nested deeper than ${DEPTH_MAX} levels`);
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true, allowEmptyContent: true });
  const problems = errors.map(({ error, offset }): Problem => ({
    origin: placeOf(offset),
    key: "",
    reason: `is not JSON: ${SYNTAX[printParseErrorCode(error)] ?? "unexpected text"}`,
  }));
  if (root === undefined || problems.length > 0)
    return { whole: problems.length === 0, tree: emptyTree(), problems };
  if (root.type !== "object") return failed(placeOf(root.offset), "must hold an object");
  const tree = toTree(root, placeOf, [], problems);
  if (tree.content.type !== "object") return { whole: true, tree, problems };
  // Editors find the schema by this key; it says nothing about the node.
  const fields = new Map(tree.content.fields);
  fields.delete("$schema");
  return { whole: true, tree: { ...tree, content: { type: "object", fields } }, problems };
}

const SYNTAX: Readonly<Record<string, string>> = {
  InvalidSymbol: "unknown word",
  InvalidNumberFormat: "malformed number",
  PropertyNameExpected: "a key in double quotes is expected",
  ValueExpected: "a value is expected",
  ColonExpected: '":" is expected',
  CommaExpected: '"," is expected',
  CloseBraceExpected: '"}" is expected',
  CloseBracketExpected: '"]" is expected',
  EndOfFileExpected: "the end of the file is expected",
  InvalidCommentToken: "malformed comment",
  UnexpectedEndOfComment: "a comment does not end",
  UnexpectedEndOfString: "a string does not end",
  UnexpectedEndOfNumber: "a number does not end",
  InvalidUnicode: "malformed \\u escape",
  InvalidEscapeCharacter: "malformed escape in a string",
  InvalidCharacter: "a character that must be escaped",
};

/** Offset of the bracket that goes too deep, or undefined. */
function tooDeep(text: string): number | undefined {
  const scanner = createScanner(text, true);
  const [open, close, end] = [new Set([1, 3]), new Set([2, 4]), 17]; // SyntaxKind: braces and brackets, EOF
  let depth = 0;
  for (let kind: number = scanner.scan(); kind !== end; kind = scanner.scan()) {
    if (open.has(kind) && ++depth > DEPTH_MAX) return scanner.getTokenOffset();
    if (close.has(kind)) depth--;
  }
  return undefined;
}

/** Line and column, both from 1, of an offset. */
function placer(file: string, text: string): (offset: number) => Origin {
  const lines = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines.push(at + 1);
  return (offset) => {
    let [low, high] = [0, lines.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((lines[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return { kind: "file", file, line: low + 1, column: offset - (lines[low] ?? 0) + 1 };
  };
}

function toTree(node: JsonNode, placeOf: (offset: number) => Origin, path: Path, problems: Problem[]): Tree {
  const origin = placeOf(node.offset);
  const children = node.children ?? [];
  if (node.type === "array") {
    const items = children.map((each, index) => toTree(each, placeOf, [...path, index], problems));
    return { origin, content: { type: "list", items } };
  }
  if (node.type !== "object") return { origin, content: { type: "value", value: node.value as unknown } };
  const fields = new Map<string, Tree>();
  for (const { children: [key, value] = [] } of children) {
    if (key === undefined || value === undefined) continue;
    const name = String(key.value);
    const keyOrigin = placeOf(key.offset);
    const inner = [...path, name];
    if (fields.has(name))
      problems.push({ origin: keyOrigin, key: pathText(inner), reason: "is given twice" });
    fields.set(name, { ...toTree(value, placeOf, inner, problems), keyOrigin });
  }
  return { origin, content: { type: "object", fields } };
}
