// Events, one line each: when (UTC), of which revision, what.

import type { EventRecord } from "#rpc";
import { clockTime } from "./amount.ts";
import type { Style } from "./style.ts";

/** Wide enough for the revisions of a day; wider ones move the line, not its meaning. */
const REVISION_WIDTH = 6;

// oxlint-disable-next-line no-control-regex -- control characters are what is taken out
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

export function eventLine({ at, revision, kind, text }: EventRecord, style: Style): string {
  const paint = /down|failed|refused|lost|quarantine/.test(kind) ? style.red : style.cyan;
  const when = style.dim(`${clockTime(at)}  ${String(revision).padStart(REVISION_WIDTH)}`);
  return `${when}  ${paint(kind.padEnd(16))}  ${text.replaceAll(CONTROL, " ")}`;
}
