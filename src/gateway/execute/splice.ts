// Cuts the fields of entities out of a service's answer as text. Reads bytes once, looking at nothing but structure; what does
// not have exactly the expected form (other keys, white space, errors, extensions) is left to the parser. Only for answers of
// our own services, which are trusted to send JSON, as for pass-through. Invariant: targets are changed only when the whole
// answer had the expected form.

import type { JsonObject } from "./merge.ts";
import { Text } from "./runtime.ts";

const HEAD = Buffer.from(`{"data":{"_entities":[`);
const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const N = 0x6e;

/** True when the answer was spliced into the targets. */
export type Splice = (bytes: Buffer, ascii: boolean, targets: readonly JsonObject[][]) => boolean;

export function compileSplice(keys: readonly string[]): Splice {
  const leads = keys.map((key, index) => Buffer.from(`${index === 0 ? "{" : ","}${JSON.stringify(key)}:`));
  return (bytes, ascii, targets) => {
    // Start and end of each field's text; -1 where the entity is null.
    const cuts: number[] = [];
    if (!cut(bytes, leads, targets.length, cuts)) return false;
    let at = 0;
    for (const objects of targets) {
      for (const key of keys) {
        const start = cuts[at++] ?? -1;
        const end = cuts[at++] ?? -1;
        if (start < 0) continue;
        const isNull = bytes[start] === N;
        const text = isNull ? null : bytes.toString(ascii ? "latin1" : "utf8", start, end);
        for (const object of objects) {
          // A text is never changed, so all targets may share it. Generated code alone meets it.
          object[key] = text === null ? null : (new Text(text) as unknown as JsonObject);
        }
      }
    }
    return true;
  };
}

function cut(bytes: Buffer, leads: readonly Buffer[], count: number, cuts: number[]): boolean {
  if (!matches(bytes, 0, HEAD)) return false;
  let at = HEAD.length;
  for (let index = 0; index < count; index++) {
    if (index > 0 && bytes[at++] !== COMMA) return false;
    if (bytes[at] === N) {
      at = skipValue(bytes, at);
      if (at < 0) return false;
      for (let lead = 0; lead < leads.length; lead++) cuts.push(-1, -1);
      continue;
    }
    for (const lead of leads) {
      if (!matches(bytes, at, lead)) return false;
      const start = at + lead.length;
      at = skipValue(bytes, start);
      if (at < 0) return false;
      cuts.push(start, at);
    }
    if (bytes[at++] !== CLOSE) return false;
  }
  const { length } = bytes;
  return at === length - 3 && bytes[at] === CLOSE_LIST && bytes[at + 1] === CLOSE && bytes[at + 2] === CLOSE;
}

function matches(bytes: Buffer, at: number, expected: Buffer): boolean {
  const { length } = expected;
  if (at + length > bytes.length) return false;
  for (let index = 0; index < length; index++) if (bytes[at + index] !== expected[index]) return false;
  return true;
}

/** Where the value that starts at `at` ends; -1 when the bytes end first or no value is there. */
function skipValue(bytes: Buffer, at: number): number {
  const { length } = bytes;
  const first = bytes[at];
  if (first === QUOTE) return skipString(bytes, at);
  if (first !== OPEN && first !== OPEN_LIST) {
    let end = at;
    for (; end < length; end++) {
      const code = bytes[end];
      if (code === COMMA || code === CLOSE || code === CLOSE_LIST) break;
    }
    return end > at && end < length ? end : -1;
  }
  let depth = 0;
  for (let index = at; index < length; index++) {
    const code = bytes[index];
    if (code === QUOTE) {
      const end = skipString(bytes, index);
      if (end < 0) return -1;
      index = end - 1;
    } else if (code === OPEN || code === OPEN_LIST) depth += 1;
    else if (code === CLOSE || code === CLOSE_LIST) {
      depth -= 1;
      if (depth === 0) return index + 1;
    }
  }
  return -1;
}

function skipString(bytes: Buffer, at: number): number {
  const { length } = bytes;
  for (let index = at + 1; index < length; index++) {
    const code = bytes[index];
    if (code === BACKSLASH) index += 1;
    else if (code === QUOTE) return index + 1;
  }
  return -1;
}
