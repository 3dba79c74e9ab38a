// What a received message may look like, checked before capnweb sees it. Two passes: `scan` reads the text,
// so that the parser never builds more than the limits allow; `inspect` reads the parsed message against the
// forms that our contracts use. Streams, pipes, remote `map`, HTTP objects and calls nested in arguments are
// refused: they hold memory that nothing counts. Invariant kept with `Guard`: what the other side makes us
// hold is `outstanding`, and it is bounded.

import { CatalystError } from "./errors.ts";
import type { RpcLimits } from "./limits.ts";

export const broken = (text: string): CatalystError => new CatalystError("ERR_RPC_PROTOCOL", text);

const QUOTE = 34;
const COMMA = 44;
const OPEN_ARRAY = 91;
const BACKSLASH = 92;
const CLOSE_ARRAY = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;

/** Throws when `text` nests deeper or holds more values than allowed. Linear, allocates nothing. */
export function scan(text: string, limits: Pick<RpcLimits, "depth" | "values">): void {
  // Arrays are doubled on the wire ([[1,2]]), and a call stands four levels inside its message.
  const depthMax = limits.depth * 2 + 8;
  let depth = 0;
  let values = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE:
        i = endOfString(text, i + 1);
        break;
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        if (++depth > depthMax) throw broken(`a message nests deeper than ${limits.depth} values`);
        values++;
        break;
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        depth--;
        break;
      case COMMA:
        values++;
        break;
    }
  }
  if (values > limits.values) throw broken(`a message holds more than ${limits.values} values`);
}

/** Index of the closing quote, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let from = start; ;) {
    const quote = text.indexOf('"', from);
    if (quote < 0) return text.length;
    let backslashes = 0;
    while (quote - backslashes > start && text.charCodeAt(quote - 1 - backslashes) === BACKSLASH) {
      backslashes++;
    }
    if (backslashes % 2 === 0) return quote;
    from = quote + 1;
  }
}

/** What one message changes in the counts of its session. */
export type Seen =
  | { readonly kind: "push"; readonly references: number }
  | { readonly kind: "answer"; readonly references: number }
  | { readonly kind: "release"; readonly id: number; readonly count: number }
  | { readonly kind: "pull" }
  | { readonly kind: "abort" };

const PULL = { kind: "pull" } as const;
const ABORT = { kind: "abort" } as const;

/** Throws when `message` is none of the forms that our contracts need. */
export function inspect(message: unknown, limits: Pick<RpcLimits, "references">): Seen {
  if (!Array.isArray(message)) throw broken("a message is not an array");
  switch (message[0]) {
    case "push":
      return { kind: "push", references: callReferences(message[1], limits.references) };
    case "resolve":
    case "reject":
      return { kind: "answer", references: references(message[2], limits.references) };
    case "release":
      return release(message[1], message[2]);
    case "pull":
      return PULL;
    case "abort":
      // capnweb evaluates the reason, so it must hold no reference at all.
      references(message[1], 0);
      return ABORT;
    default:
      throw broken("a message of an unknown kind");
  }
}

function callReferences(expression: unknown, max: number): number {
  if (!Array.isArray(expression) || expression[0] !== "pipeline" || expression.length > 4) {
    throw broken("a call of an unknown form");
  }
  const [, , path, args] = expression;
  // No contract reaches deeper than main.method or result.part.method.
  if (path !== undefined && (!Array.isArray(path) || path.length > 8)) {
    throw broken("a call with a wrong path");
  }
  return args === undefined ? 0 : references([args], max);
}

function release(id: unknown, count: unknown): Seen {
  // A count of 0 or less would move our counters without freeing anything. Calls (ids above 0) are referenced
  // once only.
  if (!Number.isSafeInteger(id) || !Number.isSafeInteger(count)) throw broken("a wrong release");
  const seen = { kind: "release", id: Number(id), count: Number(count) } as const;
  if (seen.count < 1 || (seen.id > 0 && seen.count !== 1)) throw broken("a wrong release");
  return seen;
}

/**
 * Counts references in a value of capnweb's encoding: an array is `[[...]]`, everything special is `["kind",
 * ...]`.
 */
function references(value: unknown, max: number): number {
  let found = 0;
  const visit = (item: unknown): void => {
    if (typeof item !== "object" || item === null) return;
    if (!Array.isArray(item)) {
      for (const inner of Object.values(item)) visit(inner);
      return;
    }
    if (item.length === 1 && Array.isArray(item[0])) {
      for (const inner of item[0]) visit(inner);
      return;
    }
    if (isReference(item)) {
      if (++found > max) throw broken(`a message holds more than ${max} references`);
    } else if (item[0] === "error") {
      visit(item[4]);
    }
  };
  visit(value);
  return found;
}

/** Throws for every special form that is neither plain data nor a reference. */
function isReference(form: readonly unknown[]): boolean {
  switch (form[0]) {
    case "bigint":
    case "date":
    case "bytes":
    case "undefined":
    case "inf":
    case "-inf":
    case "nan":
    case "error":
      return false;
    case "import":
    case "pipeline":
      // A fourth element would be a call inside an argument, which no table counts.
      if (form.length > 3) throw broken("a call inside an argument");
      return true;
    case "export":
    case "promise":
      return true;
    default:
      throw broken("a value of an unknown kind");
  }
}
