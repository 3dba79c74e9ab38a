// The screen of `catalyst status`: one look tells whether all is well; what is not stands last, where the eye rests.

import type { EventRecord, NodeStatus, PartStatus, ServiceRecord } from "#rpc";
import { count, span } from "./amount.ts";
import { eventLine } from "./events.ts";
import { peerTable } from "./peers.ts";
import { serviceTable } from "./services.ts";
import type { Paint, Style } from "./style.ts";
import { type Cell, pairs, table } from "./table.ts";

/** More services than these are counted, not listed. */
export const SERVICES_SHOWN = 20;
const PEERS_SHOWN = 10;

export function statusText(
  status: NodeStatus,
  services: readonly ServiceRecord[],
  style: Style,
  events: readonly EventRecord[] = [],
  shown = SERVICES_SHOWN,
): string {
  const parts = [headline(status, style), facts(status, style), partTable(status.parts, style)];
  if (services.length > 0 && shown > 0) parts.push(serviceTable(services.slice(0, shown), style));
  if (services.length > shown) {
    parts.push(style.dim(`and ${services.length - shown} more: catalyst service list`));
  }
  const peers = status.peering?.shown ?? [];
  if (peers.length > 0 && shown > 0) parts.push(peerTable(peers.slice(0, PEERS_SHOWN), style));
  const hidden = (status.peering?.peers ?? 0) - PEERS_SHOWN;
  if (hidden > 0 && shown > 0) parts.push(style.dim(`and ${hidden} more: catalyst peer list`));
  if (events.length > 0)
    parts.push([style.dim("EVENTS"), ...events.map((each) => eventLine(each, style))].join("\n"));
  const problems = problemLines(status, style);
  if (problems !== "") parts.push(problems);
  return parts.join("\n\n");
}

function headline({ node, health, uptimeMs, revision, version }: NodeStatus, style: Style): string {
  const paint: Paint = health === "ok" ? style.green : health === "down" ? style.red : style.yellow;
  const about = [`up ${span(uptimeMs)}`, `revision ${revision}`, `catalyst ${version}`].join("  ");
  return `${style.bold(node)}  ${paint(health)}  ${style.dim(about)}`;
}

function facts(status: NodeStatus, style: Style): string {
  const { total, up, down, quarantined } = status.services;
  const wrong = [
    down === 0 ? [] : [`${down} down`],
    quarantined === 0 ? [] : [`${quarantined} left out`],
  ].flat();
  const graph = status.gateway?.services.length ?? 0;
  const failed = status.plugins.filter(({ state }) => state !== "ok").length;
  return pairs(
    [
      ["ingress", `${status.ingress}${graph === 0 ? "" : `  graph at ${status.ingress}/graphql`}`],
      ["identity", identityCell(status, style)],
      status.envoy === "absent"
        ? ["envoy", { text: "absent: the gateway serves ingress itself", paint: style.yellow }]
        : undefined,
      ["services", total === 0 ? "none" : [`${up} of ${total} up`, ...wrong].join(", ")],
      peeringRow(status, style),
      betweenRow(status, style),
      status.effects.pending + status.effects.failing.length === 0
        ? undefined
        : ["effects", `${status.effects.pending} pending, ${status.effects.failing.length} failing`],
      failed === 0
        ? undefined
        : ["plugins", { text: `${failed} of ${status.plugins.length} not well`, paint: style.yellow }],
      ["data", `${status.dataDir}${status.processes === "one" ? "  (one process)" : ""}`],
      status.record === undefined ? undefined : ["recording", status.record],
    ],
    style,
  );
}

function peeringRow({ peering }: NodeStatus, style: Style): readonly [string, Cell] | undefined {
  if (peering === undefined) return undefined;
  const { peers, synced, stale, listens } = peering;
  const where = listens === undefined ? "" : `  listens at ${listens}`;
  if (peers === 0) return ["peers", `none${where}`];
  const old = stale === 0 ? "" : `, ${stale} with old data`;
  const text = `${synced} of ${peers} synced${old}${where}`;
  return ["peers", synced === peers && stale === 0 ? text : { text, paint: style.yellow }];
}

/** Until users' tokens go along, a node is all that another one's Envoy knows of a caller. */
function betweenRow({ peering }: NodeStatus, style: Style): readonly [string, Cell] | undefined {
  if (peering === undefined) return undefined;
  return peering.between === "certificate"
    ? ["between nodes", "certificate only"]
    : [
        "between nodes",
        { text: "NOTHING: no node proves who it is; for connectivity tests only", paint: style.red },
      ];
}

function identityCell({ identity, auth }: NodeStatus, style: Style): Cell {
  if (identity === "none") {
    return { text: "NONE: nobody is asked who they are; for connectivity tests only", paint: style.red };
  }
  const keys = auth === undefined ? "" : `, ${count(auth.keys, "key")}, ${count(auth.apiKeys, "API key")}`;
  return identity === "own" ? `own tokens${keys}` : `tokens of ${auth?.issuer ?? "another issuer"}${keys}`;
}

export const stateCell = (state: PartStatus["state"], style: Style): Cell => {
  const paint =
    state === "ready"
      ? style.green
      : state === "absent"
        ? style.dim
        : state === "backoff" || state === "stopped"
          ? style.red
          : style.yellow;
  return { text: state, paint };
};

function partTable(parts: readonly PartStatus[], style: Style): string {
  const rows = parts.map((part) => [
    part.name,
    stateCell(part.state, style),
    part.pid === undefined ? "-" : String(part.pid),
    part.uptimeMs === undefined ? "-" : span(part.uptimeMs),
    String(part.restarts),
    part.reason ?? "",
  ]);
  const [right] = [true] as const;
  const columns = [
    { title: "PART" },
    { title: "STATE" },
    { title: "PID", right },
    { title: "UP", right },
    { title: "RESTARTS", right },
    { title: parts.some(({ reason }) => reason !== undefined) ? "REASON" : "" },
  ];
  return table(columns, rows, style);
}

function problemLines({ problems }: NodeStatus, style: Style): string {
  return problems
    .flatMap(({ code, text, hint }) => [
      `${style.red("!")} ${text} ${style.dim(`[${code}]`)}`,
      ...(hint === undefined ? [] : [`  ${style.dim("try:")} ${hint}`]),
    ])
    .join("\n");
}
