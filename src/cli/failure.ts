// How a failure is told: at most four lines for people (conventions of the command line, docs/reference/cli.md), one JSON
// object with --json, and an exit code by kind. Lists of problems stand between the first line and the advice.

import { CatalystError, type ErrorCode, isErrorCode } from "#rpc";
import type { Style } from "./render/style.ts";
import { scrub } from "./scrub.ts";

/** Exit codes; everything that is not named ends with 1. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 64,
  data: 65,
  unreachable: 69,
  denied: 77,
  check: 79,
} as const;

const CODES: Readonly<Partial<Record<ErrorCode, number>>> = {
  ERR_USAGE: EXIT.usage,
  ERR_NODE_AMBIGUOUS: EXIT.usage,
  ERR_CONFIG_INVALID: EXIT.data,
  ERR_CONFIG_UNREADABLE: EXIT.data,
  ERR_INVALID_ARGUMENT: EXIT.data,
  ERR_QUERY_INVALID: EXIT.data,
  ERR_NODE_UNREACHABLE: EXIT.unreachable,
  ERR_RPC_UNREACHABLE: EXIT.unreachable,
  ERR_RPC_CLOSED: EXIT.unreachable,
  ERR_DENIED: EXIT.denied,
  ERR_PERMISSION: EXIT.denied,
  ERR_TOKEN_MISSING: EXIT.denied,
  ERR_TOKEN_INVALID: EXIT.denied,
  ERR_TOKEN_EXPIRED: EXIT.denied,
  ERR_TOKEN_SCOPE: EXIT.denied,
  ERR_APIKEY_INVALID: EXIT.denied,
};

/** Any thrown thing as an error with a code. */
export function asCatalystError(error: unknown): CatalystError {
  if (error instanceof CatalystError) return error;
  if (error instanceof Error && "code" in error && isErrorCode(error.code)) {
    return new CatalystError(error.code, error.message, { cause: error.cause });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new CatalystError("ERR_INTERNAL", message, {
    hint: "report it with what you did: this is a defect of the program",
    cause: error,
  });
}

export const exitCode = (error: CatalystError): number => CODES[error.code] ?? EXIT.failed;

export const errorPage = (code: ErrorCode): string => `docs/reference/errors.md#${code.toLowerCase()}`;

export function failureText(error: CatalystError, style: Style): string {
  const [first = "", ...more] = error.message.split("\n");
  const lines = [`${style.red("error:")} ${first} ${style.dim(`[${error.code}]`)}`, ...more];
  const cause = causeText(error);
  if (cause !== undefined) lines.push(`${style.dim("cause:")} ${cause}`);
  if (error.hint !== undefined) lines.push(`${style.dim("try:")}   ${error.hint}`);
  lines.push(`${style.dim("see:")}   ${errorPage(error.code)}`);
  return scrub(lines.join("\n"));
}

/** One line, and only when it says more than the message. */
function causeText(error: CatalystError): string | undefined {
  if (!(error.cause instanceof Error)) return undefined;
  const [text = ""] = error.cause.message.split("\n");
  return text === "" || error.message.includes(text) ? undefined : text;
}

export function failureJson(error: CatalystError): string {
  const { code, message, hint, detail } = error;
  const cause = causeText(error);
  const see = errorPage(code);
  return scrub(
    JSON.stringify({
      error: {
        code,
        message,
        ...(cause === undefined ? {} : { cause }),
        ...(hint === undefined ? {} : { hint }),
        see,
        ...(detail === undefined ? {} : { detail }),
      },
    }),
  );
}

export const usage = (message: string, hint?: string): CatalystError =>
  new CatalystError("ERR_USAGE", message, hint === undefined ? {} : { hint });
