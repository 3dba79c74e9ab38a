// What a verb reads besides its arguments: standard input for "-", numbers and durations in flags, tokens that should not stand
// on a command line.

import { readFileSync } from "node:fs";
import { readDuration } from "#config";
import { usage } from "./failure.ts";
import type { Call } from "./verb.ts";

/** Enough for a document or a token; an endless stream is no input. */
const INPUT_BYTES_MAX = 1024 * 1024;

/** The argument itself, or all of standard input when it is "-". */
export async function textOrInput(text: string, what: string): Promise<string> {
  if (text !== "-") return text;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin) {
    const part = Buffer.from(chunk as Buffer | string);
    bytes += part.length;
    if (bytes > INPUT_BYTES_MAX) throw usage(`${what} from standard input is longer than 1 MiB`);
    chunks.push(part);
  }
  const read = Buffer.concat(chunks).toString("utf8").trim();
  if (read === "") throw usage(`standard input holds no ${what}`);
  return read;
}

/** A token: the argument, standard input, never with white space around it. */
export const tokenArgument = async ({ args }: Call): Promise<string> =>
  (await textOrInput(args[0] ?? "", "token")).trim();

/** A duration as a flag gives it. */
export function durationOf(text: string, flag: string): number {
  const ms = readDuration(text);
  if (Number.isNaN(ms)) throw usage(`--${flag} must be a duration such as 30s, is "${text}"`);
  return ms;
}

export function durationFlag({ flags }: Call, name: string): number | undefined {
  const text = flags.text(name);
  return text === undefined ? undefined : durationOf(text, name);
}

export function numberFlag({ flags }: Call, name: string): number | undefined {
  const text = flags.text(name);
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw usage(`--${name} must be a whole number, is "${text}"`);
  return Number(text);
}

/** The file's text without the line end that editors add. */
export function fileText(file: string, what: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (cause) {
    throw usage(
      `cannot read the ${what} in ${file}: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  }
}
