// What Envoy was given and what it made of it.

import type { EnvoyResource, EnvoyStatus } from "#rpc";
import { span } from "./amount.ts";
import { stateCell } from "./status.ts";
import type { Style } from "./style.ts";
import { type Cell, pairs, table } from "./table.ts";

/** "type.googleapis.com/envoy.config.cluster.v3.Cluster" → "Cluster" */
const shortType = (type: string): string => type.slice(type.lastIndexOf(".") + 1);

export function envoyText(status: EnvoyStatus, style: Style): string {
  const since = status.connectedForMs === undefined ? "" : ` for ${span(status.connectedForMs)}`;
  const head = pairs(
    [
      ["state", stateCell(status.state, style)],
      status.version === undefined ? undefined : ["version", status.version],
      ["stream", status.connected ? `connected${since}` : { text: "not connected", paint: style.yellow }],
    ],
    style,
  );
  const rows = status.types.map((each): Cell[] => [
    shortType(each.type),
    String(each.resources),
    String(each.acknowledged),
    { text: String(each.refused.length), paint: each.refused.length === 0 ? style.dim : style.red },
    each.lastAckMs === undefined ? "-" : span(each.lastAckMs),
    String(each.nacks),
  ]);
  const columns = [
    { title: "TYPE" },
    ...["RESOURCES", "TAKEN", "REFUSED", "LAST ACK", "NACKS"].map(
      (title) => ({ title, right: true }) as const,
    ),
  ];
  const refused = status.types.flatMap(({ type, refused: list }) =>
    list.map(({ name, text }) => `${style.red("!")} ${shortType(type)} ${name}: ${text}`),
  );
  const parts = status.types.length === 0 ? [head] : [head, table(columns, rows, style)];
  return [...parts, ...(refused.length === 0 ? [] : [refused.join("\n")])].join("\n\n");
}

export function resourceTable(resources: readonly EnvoyResource[], style: Style): string {
  if (resources.length === 0) return "no resources";
  const rows = resources.map(({ type, name, version, acknowledged }): Cell[] => [
    shortType(type),
    name,
    version.slice(0, 12),
    acknowledged ? { text: "taken", paint: style.green } : { text: "not taken", paint: style.yellow },
  ]);
  return table(
    ["TYPE", "NAME", "VERSION", "STATE"].map((title) => ({ title })),
    rows,
    style,
  );
}
