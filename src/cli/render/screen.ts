// The watched screen: the same picture as `status`, made to fit a terminal. Lines are cut, never wrapped, because a wrapped line
// pushes the head of the picture out of sight; when there are too many, old events go first, then services, and what is wrong
// stays as long as anything does.

import type { EventRecord, NodeStatus, ServiceRecord } from "#rpc";
import { SERVICES_SHOWN, statusText } from "./status.ts";
import type { Style } from "./style.ts";

export function screenText(
  status: NodeStatus,
  services: readonly ServiceRecord[],
  events: readonly EventRecord[],
  style: Style,
  rows: number,
): string {
  const linesOf = (eventsShown: number, servicesShown: number): string[] => {
    const last = eventsShown === 0 ? [] : events.slice(-eventsShown);
    return statusText(status, services, style, last, servicesShown).split("\n");
  };
  let shown = events.length;
  let listed = Math.min(services.length, SERVICES_SHOWN);
  let lines = linesOf(shown, listed);
  while (lines.length > rows && shown + listed > 0) {
    const over = lines.length - rows;
    if (shown > 0) shown = Math.max(0, shown - over);
    else listed = Math.max(0, listed - over);
    lines = linesOf(shown, listed);
  }
  return lines
    .slice(0, rows)
    .map((line) => cut(line, style.width))
    .join("\n");
}

// oxlint-disable-next-line no-control-regex -- sequences of colour take no room on the screen
const COLOUR = /\u001b\[\d+m/y;

/** The first `width` columns, colours closed. */
export function cut(line: string, width: number): string {
  let columns = 0;
  for (let at = 0; at < line.length;) {
    COLOUR.lastIndex = at;
    const [colour] = COLOUR.exec(line) ?? [];
    if (colour !== undefined) at += colour.length;
    else if (columns === width) return `${line.slice(0, at)}${line.includes("\u001b[") ? "\u001b[0m" : ""}`;
    else {
      columns += 1;
      at += 1;
    }
  }
  return line;
}
