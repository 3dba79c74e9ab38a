// One value as one text, as flags and environment variables carry it: `30s`, `true`, `name=books,probe.interval=5s`, or JSON
// where a text cannot say it. Reading never refuses: what has the wrong form stays text, and the schema says what is wrong
// with it, so that every source gets the same messages.
// Invariant: `readText(shape, writeText(shape, value))` equals `value` for every value that the schema accepts.

import { type Path, type Shape, isObject, readPath, shapeAt } from "./shape.ts";

export function readText(shape: Shape | undefined, text: string): unknown {
  switch (shape?.type) {
    case "number":
      return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : text;
    case "boolean":
      return text === "true" ? true : text === "false" ? false : text;
    case "any":
      return readJson(text) ?? text;
    case "list":
      return readList(shape.of, text);
    case "object":
    case "either":
    case "record":
      return isJson(text) ? (readJson(text) ?? text) : readPairs(shape, text);
    default:
      return text;
  }
}

const isJson = (text: string): boolean => /^\s*[{[]/.test(text);

/** undefined when it is no JSON; JSON has no undefined of its own. */
function readJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // not JSON: the caller keeps the text
  }
}

/** A whole list: a JSON array, or one item a line. */
function readList(item: Shape, text: string): unknown {
  if (/^\s*\[/.test(text)) return readJson(text) ?? text;
  return text.split("\n").flatMap((line) => (line.trim() === "" ? [] : [readText(item, line)]));
}

/** One item of a list option, or (given as JSON) the whole list. */
export function readItems(shape: Shape & { type: "list" }, text: string): readonly unknown[] {
  const whole = /^\s*\[/.test(text) ? readJson(text) : undefined;
  return Array.isArray(whole) ? (whole as unknown[]) : [readText(shape.of, text)];
}

/**
 * `name=books,endpoint=http://…,probe.interval=5s`. A comma separates only where a key and "=" follow, so that values may
 * hold commas; a key given again adds to its list. Without any pair the text is no object and stays as it is.
 */
function readPairs(shape: Shape, text: string): unknown {
  const object: Record<string, unknown> = {};
  for (const pair of text.split(/,(?=[A-Za-z_][\w.-]*=)/)) {
    const [, key = "", value = ""] = /^([A-Za-z_][\w.-]*)=(.*)$/s.exec(pair) ?? [];
    const path = pathOf(shape, key);
    if (path === undefined) return text;
    const found = shapeAt(shape, path);
    put(object, path, found, value);
  }
  return object;
}

/** A key of a record is taken as it is, dots and all; elsewhere a dot goes one object down. */
function pathOf(shape: Shape, key: string): Path | undefined {
  if (shape.type !== "record") return readPath(key);
  const inner = shape.of.type === "object" || shape.of.type === "either";
  return inner ? readPath(key) : [key];
}

function put(object: Record<string, unknown>, path: Path, shape: Shape | undefined, text: string): void {
  let at = object;
  for (const step of path.slice(0, -1)) {
    const next = Object.hasOwn(at, step) ? at[step] : undefined;
    const inner = isObject(next) ? (next as Record<string, unknown>) : {};
    define(at, String(step), inner);
    at = inner;
  }
  const key = String(path.at(-1));
  if (shape?.type !== "list") return define(at, key, readText(shape, text));
  const before = Object.hasOwn(at, key) && Array.isArray(at[key]) ? (at[key] as unknown[]) : [];
  define(at, key, [...before, ...readItems(shape, text)]);
}

/** Plain assignment would change the prototype for "__proto__". */
const define = (object: object, key: string, value: unknown): void =>
  void Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });

export function writeText(shape: Shape | undefined, value: unknown): string {
  if (Array.isArray(value) || shape?.type === "any") return JSON.stringify(value);
  if (!isObject(value)) return String(value);
  const pairs = shape === undefined ? undefined : writePairs(shape, value);
  return pairs !== undefined && JSON.stringify(readText(shape, pairs)) === JSON.stringify(value)
    ? pairs
    : JSON.stringify(value);
}

/** The short form, when every part has one; the caller checks that it reads the same. */
function writePairs(shape: Shape, value: Readonly<Record<string, unknown>>, prefix = ""): string | undefined {
  const pairs: string[] = [];
  for (const [key, each] of Object.entries(value)) {
    const inner = shapeAt(shape, [key]);
    const items = Array.isArray(each) ? each : [each];
    for (const item of items as unknown[]) {
      const nested = isObject(item) && inner?.type !== "any";
      const text = nested
        ? inner === undefined || Array.isArray(each)
          ? undefined
          : writePairs(inner, item, `${prefix}${key}.`)
        : `${prefix}${key}=${writeText(inner?.type === "list" ? inner.of : inner, item)}`;
      if (text === undefined || text === "") return undefined;
      pairs.push(text);
    }
    if (items.length === 0) return undefined;
  }
  return pairs.length === 0 ? undefined : pairs.join(",");
}
