// Services as a table, and one of them in full.

import type { ServiceRecord } from "#rpc";
import { span } from "./amount.ts";
import type { Style } from "./style.ts";
import { type Cell, pairs, table } from "./table.ts";

export function healthCell(health: ServiceRecord["health"], style: Style): Cell {
  return {
    text: health,
    paint: health === "up" ? style.green : health === "down" ? style.red : style.yellow,
  };
}

/** "config", "catalyst.json:12", "plugin tags" */
export function ownerText({ kind, file, line, plugin }: ServiceRecord["owner"]): string {
  if (file !== undefined) return line === undefined || line === 0 ? file : `${file}:${line}`;
  return plugin === undefined ? kind : `plugin ${plugin}`;
}

export function serviceTable(services: readonly ServiceRecord[], style: Style): string {
  if (services.length === 0) return "no services; add one: catalyst service add NAME URL";
  const rows = services.map((service): Cell[] => {
    const up = service.endpoints.filter(({ health }) => health === "up").length;
    const why =
      service.quarantine[0]?.text ?? service.endpoints.find(({ reason }) => reason !== undefined)?.reason;
    const state: Cell =
      service.quarantine.length > 0
        ? { text: `${service.health}, left out`, paint: style.red }
        : healthCell(service.health, style);
    return [
      service.name,
      service.protocol,
      state,
      `${up}/${service.endpoints.length}`,
      service.owner.kind,
      service.health === "up" && service.quarantine.length === 0 ? (service.reach[0] ?? "-") : (why ?? "-"),
    ];
  });
  const columns = [
    ...["SERVICE", "PROTOCOL", "HEALTH"].map((title) => ({ title })),
    { title: "UP", right: true } as const,
    ...["OWNER", "REACHED AT, OR WHY NOT"].map((title) => ({ title })),
  ];
  return table(columns, rows, style);
}

export function serviceText(service: ServiceRecord, style: Style): string {
  const { ingress } = service;
  const place = [
    ingress?.prefix === undefined
      ? []
      : [`prefix ${ingress.prefix}${ingress.stripPrefix === true ? ", taken off" : ""}`],
    ingress?.host === undefined ? [] : [`host ${ingress.host}`],
  ].flat();
  const head = pairs(
    [
      ["service", { text: service.name, paint: style.bold }],
      ["protocol", service.protocol],
      ["health", healthCell(service.health, style)],
      ["owner", ownerText(service.owner)],
      place.length === 0 ? undefined : ["ingress", place.join(", ")],
      service.schema === undefined ? undefined : ["schema", service.schema],
      ["revision", String(service.revision)],
      ...service.reach.map((url) => ["reached", url] as const),
    ],
    style,
  );
  const rows = service.endpoints.map(({ url, health, lease, reason }) => [
    url,
    healthCell(health, style),
    lease === undefined ? "-" : span(lease.expiresInMs),
    reason ?? "",
  ]);
  const columns = [
    { title: "ENDPOINT" },
    { title: "HEALTH" },
    { title: "LEASE", right: true },
    { title: "REASON" },
  ] as const;
  const out = service.quarantine.map(
    ({ by, code, text }) => `${style.red("!")} left out by ${by}: ${text} ${style.dim(`[${code}]`)}`,
  );
  return [head, table(columns, rows, style), ...(out.length === 0 ? [] : [out.join("\n")])].join("\n\n");
}
