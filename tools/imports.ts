// Reads the imports of a TypeScript file: static, type-only, dynamic, and files named by `new URL(…, import.meta.url)`.
// A small scanner of our own, because TypeScript 7 has no API and dependency checkers built on it silently see nothing.
// It blanks out comments and takes texts aside first, so that a mention of an import is never taken for one.
// Invariant: offsets are kept, so line numbers are those of the file.

export type ImportKind = "static" | "types" | "dynamic" | "file";

export interface Import {
  readonly specifier: string;
  readonly kind: ImportKind;
  /** From 1. */
  readonly line: number;
}

export interface Scanned {
  /** The source with comments as spaces and the inside of texts, templates and regular expressions as `_`. */
  readonly code: string;
  /** The comments alone, everything else as spaces. */
  readonly comments: string;
  readonly imports: readonly Import[];
}

const PATTERNS: readonly { readonly kind: ImportKind; readonly find: RegExp }[] = [
  { kind: "static", find: /(?<![\w.$])(?:import|export)\s*(?:type\b)?[^;()"'`=]*?\bfrom\s*["'](_*)["']/g },
  { kind: "static", find: /(?<![\w.$])import\s*["'](_*)["']/g },
  { kind: "dynamic", find: /(?<![\w.$])import\s*\(\s*["'](_*)["']\s*\)/g },
  { kind: "file", find: /\bnew\s+URL\(\s*["'](_*)["']\s*,\s*import\.meta\.url/g },
];

export function scan(source: string): Scanned {
  const { code, comments } = separate(source);
  const imports: Import[] = [];
  for (const { kind, find } of PATTERNS) {
    for (const match of code.matchAll(find)) {
      const end = match.index + match[0].lastIndexOf(match[1] ?? "") + (match[1]?.length ?? 0);
      const specifier = source.slice(end - (match[1]?.length ?? 0), end);
      const line = source.slice(0, match.index).split("\n").length;
      imports.push({ specifier, kind: refine(kind, code, match), line });
    }
  }
  return { code, comments, imports: imports.toSorted((a, b) => a.line - b.line) };
}

/** `import type`, `typeof import(…)` and `import("x").Name` leave nothing at run time. */
function refine(kind: ImportKind, code: string, match: RegExpExecArray): ImportKind {
  if (kind === "static") return /^(import|export)\s+type\b(?!\s*(,|from\b))/.test(match[0]) ? "types" : kind;
  if (kind !== "dynamic") return kind;
  const before = code.slice(Math.max(0, match.index - 20), match.index);
  const after = code.slice(match.index + match[0].length);
  return /\btypeof\s+$/.test(before) || /^\s*\.\s*[A-Z]/.test(after) ? "types" : kind;
}

/** One pass over the characters; a stack remembers the templates that the scanner is inside of. */
function separate(source: string): { code: string; comments: string } {
  const code = source.split("");
  const comments: string[] = code.map((character) => (character === "\n" ? "\n" : " "));
  const templates: number[] = []; // depth of braces at which each open `${` ends
  let braces = 0;
  let at = 0;
  const length = code.length;
  const blank = (until: number, comment: boolean) => {
    for (; at < until && at < length; at++) {
      if (code[at] === "\n") continue;
      if (comment) comments[at] = code[at] ?? " ";
      code[at] = comment ? " " : "_";
    }
  };
  const template = () => {
    while (at < length && code[at] !== "`" && !(code[at] === "$" && code[at + 1] === "{")) {
      blank(at + (code[at] === "\\" ? 2 : 1), false);
    }
    if (code[at] === "$") {
      templates.push(braces++);
      at += 2;
    } else at += 1;
  };
  while (at < length) {
    const character = code[at];
    const next = code[at + 1];
    if (character === "/" && next === "/") blank(indexOf(code, at, "\n"), true);
    else if (character === "/" && next === "*") blank(closing(code, at + 2), true);
    else if (character === '"' || character === "'") {
      at += 1;
      while (at < length && code[at] !== character && code[at] !== "\n")
        blank(at + (code[at] === "\\" ? 2 : 1), false);
      at += 1;
    } else if (character === "`") {
      at += 1;
      template();
    } else if (character === "/" && opensRegExp(code, at)) {
      at += 1;
      for (let inClass = false; at < length && code[at] !== "\n" && (inClass || code[at] !== "/");) {
        if (code[at] === "[") inClass = true;
        else if (code[at] === "]") inClass = false;
        blank(at + (code[at] === "\\" ? 2 : 1), false);
      }
      at += 1;
    } else if (character === "}" && templates.at(-1) === braces - 1) {
      braces = templates.pop() ?? 0;
      at += 1;
      template();
    } else {
      if (character === "{") braces += 1;
      else if (character === "}") braces -= 1;
      at += 1;
    }
  }
  return { code: code.join(""), comments: comments.join("") };
}

function indexOf(code: readonly string[], from: number, wanted: string): number {
  const found = code.indexOf(wanted, from);
  return found === -1 ? code.length : found;
}

function closing(code: readonly string[], from: number): number {
  let at = from;
  while (at < code.length && !(code[at] === "*" && code[at + 1] === "/")) at += 1;
  return at + 2;
}

/** A slash is a division after a value, the start of a regular expression anywhere else. */
function opensRegExp(code: readonly string[], slash: number): boolean {
  let at = slash - 1;
  while (at >= 0 && /\s/.test(code[at] ?? "")) at -= 1;
  if (at < 0) return true;
  const before = code[at] ?? "";
  if (!/[\w$)\]"'`}]/.test(before)) return true;
  const word = /(?:^|[^\w$.])(return|typeof|case|in|of|void|await|yield)$/;
  return word.test(code.slice(Math.max(0, at - 10), at + 1).join(""));
}
