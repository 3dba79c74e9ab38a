// How an error crosses a session. capnweb sends class, message and own properties; so a coded error travels
// as its message and three properties: `code`, `hint`, and `detail` as a JSON text (a text can hide no
// reference to a remote object). Stacks and causes stay at home. An error without a code becomes ERR_INTERNAL
// with a text that tells nothing, and is logged where it happened. The reading side trusts none of it:
// unknown codes, control characters and over-long texts are dropped.

import { CatalystError, isErrorCode } from "./errors.ts";

const MESSAGE_CHARACTERS = 4_096;
const HINT_CHARACTERS = 1_024;
/** A list of all problems of a large configuration fits; more would only fill the caller's memory. */
const DETAIL_CHARACTERS = 256 * 1024;

/**
 * What capnweb says for a name that the contract does not have; the only uncoded error that is the caller's
 * fault.
 */
const NO_METHOD = /^'[^']*' is not a function\.$/;

/** The form to send. `unknown` hears of every error that had no code. */
export function toWire(error: unknown, unknown: (error: unknown) => void): Error {
  const coded = asCoded(error);
  if (coded !== undefined) return withProperties(coded);
  if (error instanceof TypeError && NO_METHOD.test(error.message)) {
    return withProperties({ code: "ERR_NOT_FOUND", message: "no method of this name" });
  }
  unknown(error);
  return withProperties({ code: "ERR_INTERNAL", message: "the other part failed; its log says why" });
}

interface Coded {
  readonly code: string;
  readonly message: string;
  readonly hint?: unknown;
  readonly detail?: unknown;
}

/** By code and not by class: the class is another one when the error came out of another bundle. */
function asCoded(error: unknown): Coded | undefined {
  return error instanceof Error && "code" in error && isErrorCode(error.code)
    ? { ...error, code: error.code, message: error.message }
    : undefined;
}

function withProperties(from: Coded): Error {
  const error = new Error(from.message.slice(0, MESSAGE_CHARACTERS));
  // capnweb sends the stack of a substituted error when there is one.
  delete error.stack;
  const detail = asText(from.detail);
  return Object.assign(error, {
    code: from.code,
    ...(typeof from.hint === "string" ? { hint: from.hint } : {}),
    ...(detail === undefined ? {} : { detail }),
  });
}

function asText(detail: unknown): string | undefined {
  if (detail === undefined) return undefined;
  try {
    const text = JSON.stringify(detail);
    return text !== undefined && text.length <= DETAIL_CHARACTERS ? text : undefined;
  } catch {
    // Cycles and big integers have no JSON form. The message says enough without them.
    return undefined;
  }
}

/** What the caller throws: the same code, message, hint and detail as on the other side. */
export function fromWire(error: unknown): CatalystError {
  if (error instanceof CatalystError) return error;
  if (error instanceof Error && "code" in error && isErrorCode(error.code)) {
    const { hint, detail } = { hint: undefined, detail: undefined, ...error };
    return new CatalystError(error.code, clean(error.message, MESSAGE_CHARACTERS), {
      ...(typeof hint === "string" ? { hint: clean(hint, HINT_CHARACTERS) } : {}),
      ...(typeof detail === "string" ? { detail: parse(detail) } : {}),
    });
  }
  const text = error instanceof Error ? clean(error.message, MESSAGE_CHARACTERS) : "no reason given";
  return new CatalystError("ERR_INTERNAL", `the call failed without a code: ${text}`, { cause: error });
}

// oxlint-disable-next-line no-control-regex -- control characters are what is taken out
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g;

const clean = (text: string, max: number): string => text.slice(0, max).replace(CONTROL, "");

function parse(text: string): unknown {
  if (text.length > DETAIL_CHARACTERS) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // Only our own encoding is a detail; anything else is left out.
    return undefined;
  }
}
