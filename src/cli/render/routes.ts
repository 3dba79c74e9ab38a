// Routes as a table: what is reached and by which way; with `--in`, `--out` and `--rejected` what one peer told, was told, or what
// was dropped and why.

import type { RouteRecord } from "#rpc";
import { count } from "./amount.ts";
import { healthCell } from "./services.ts";
import type { Style } from "./style.ts";
import { type Cell, table } from "./table.ts";

export function routeTable(routes: readonly RouteRecord[], style: Style): string {
  if (routes.length === 0) return "no routes";
  const right = true as const;
  const rows = routes.map((route): Cell[] => [
    route.name,
    route.protocol,
    route.table,
    { text: route.use, paint: paintOf(route.use, style) },
    healthCell(route.health, style),
    { text: route.freshness, paint: route.freshness === "fresh" ? style.green : style.yellow },
    route.peer ?? "-",
    String(route.path.length),
    route.reason ?? "",
  ]);
  const columns = [
    ...["ROUTE", "PROTOCOL", "TABLE", "USE", "HEALTH", "KNOWN", "PEER"].map((title) => ({ title })),
    { title: "NODES", right },
    { title: routes.some(({ reason }) => reason !== undefined) ? "WHY NOT" : "" },
  ];
  return `${table(columns, rows, style)}\n\n${count(routes.length, "route")}`;
}

function paintOf(use: RouteRecord["use"], style: Style): (text: string) => string {
  if (use === "best" || use === "sent") return style.green;
  if (use === "rejected") return style.red;
  return use === "hidden" ? style.dim : style.cyan;
}
