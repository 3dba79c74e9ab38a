// What a token says, for people: its claims with times as times.

import { moment } from "../render/amount.ts";
import type { Style } from "../render/style.ts";
import { pairs } from "../render/table.ts";

const TIMES = new Set(["iat", "exp", "nbf"]);

export function claimsText(claims: Readonly<Record<string, unknown>>, style: Style): string {
  const rows = Object.entries(claims).map(([name, value]): [string, string] => {
    const isTime = TIMES.has(name) && typeof value === "number" && Math.abs(value) < 8.64e12;
    if (isTime) return [name, `${value} (${moment(value * 1_000)} UTC)`];
    return [name, typeof value === "string" ? value : JSON.stringify(value)];
  });
  return rows.length === 0 ? "no claims" : pairs(rows, style);
}
