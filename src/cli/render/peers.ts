// Peers as a table, and one of them in full. The column that matters is how fresh what is known of a peer is: "connected" alone
// says nothing about whether its routes are still true.

import type { PeerDifference, PeerRecord } from "#rpc";
import { count, moment, span } from "./amount.ts";
import { healthCell, ownerText } from "./services.ts";
import type { Style } from "./style.ts";
import { type Cell, pairs, table } from "./table.ts";

type State = PeerRecord["session"]["state"];

function sessionCell(state: State, unproven: boolean, style: Style): Cell {
  if (unproven) return { text: `${state}, UNPROVEN`, paint: style.red };
  const paint = state === "synced" ? style.green : state === "idle" ? style.red : style.yellow;
  return { text: state, paint };
}

function freshCell({ state }: PeerRecord["freshness"], style: Style): Cell {
  return { text: state, paint: state === "fresh" ? style.green : style.yellow };
}

export function peerTable(peers: readonly PeerRecord[], style: Style): string {
  if (peers.length === 0) return "no peers; add one: catalyst peer add NODE --address HOST:PORT --trust FILE";
  const right = true as const;
  const rows = peers.map(({ node, kind, role, session, unproven, freshness, reach, routes }): Cell[] => [
    node,
    kind === role ? kind : `${kind} ${role}`,
    sessionCell(session.state, unproven === true, style),
    session.forMs === undefined ? "-" : span(session.forMs),
    freshCell(freshness, style),
    healthCell(reach, style),
    String(routes.received),
    String(routes.best),
    String(routes.advertised),
    session.state === "synced" ? "" : whyText(session),
  ]);
  const columns = [
    { title: "PEER" },
    { title: "KIND" },
    { title: "SESSION" },
    { title: "FOR", right },
    { title: "DATA" },
    { title: "ENVOY" },
    { title: "RECEIVED", right },
    { title: "BEST", right },
    { title: "TOLD", right },
    { title: peers.every(({ session }) => session.state === "synced") ? "" : "WHY NOT SYNCED" },
  ];
  return table(columns, rows, style);
}

/** What an unsynced session waits for. */
function waitText({ waits, retryInMs }: PeerRecord["session"]): string {
  switch (waits) {
    case "retry":
      return `tries again in ${span(retryInMs ?? 0)}`;
    case "operator":
      return "waits for an operator";
    case "down":
      return "taken down";
    case "peer":
      return "waits for its call";
    default:
      return "";
  }
}

/** What ended the last session, and what comes next. */
const whyText = (session: PeerRecord["session"]): string =>
  [session.last?.text ?? "", waitText(session)].filter((each) => each !== "").join("; ");

export function peerText(peer: PeerRecord, style: Style): string {
  const { session, freshness, routes } = peer;
  const age = (ms: number | undefined): string => (ms === undefined ? "never" : `${span(ms)} ago`);
  const since = session.forMs === undefined ? "" : ` for ${span(session.forMs)}`;
  const dialled = session.dialled === undefined ? "" : `, dialled by ${session.dialled ? "us" : "it"}`;
  const waiting = session.state === "synced" ? "" : waitText(session);
  const { last } = session;
  const code = last?.code === undefined ? "" : ` (code ${last.code})`;
  const ended = last === undefined ? "" : `${last.text}${code}, ${age(last.agoMs)}`;
  const told: readonly (readonly [string, Cell] | undefined)[] = [
    ["peer", { text: peer.node, paint: style.bold }],
    ["kind", peer.kind === peer.role ? peer.kind : `${peer.kind}, ${peer.role} to us`],
    ["owner", ownerText(peer.owner)],
    ["address", peer.address ?? "none: it dials us"],
    ["on loss", peer.onLoss],
    peer.unproven === true
      ? ["identity", { text: "NOT PROVEN: believed by name; for connectivity tests only", paint: style.red }]
      : undefined,
    ["session", `${session.state}${since}${dialled}, ${count(session.flaps, "flap")}`],
    waiting === "" ? undefined : ["next", { text: waiting, paint: style.yellow }],
    ended === "" ? undefined : ["last end", ended],
    ["envoy", healthCell(peer.reach, style)],
    ["data", freshCell(freshness, style)],
    ["  whole table", age(freshness.endMarkAgoMs)],
    ["  equal sums", age(freshness.digestAgoMs)],
    ["  unconfirmed", unconfirmedText(freshness)],
    freshness.behind === 0 ? undefined : ["  to be told", count(freshness.behind, "change")],
    freshness.digestRepairs === 0 ? undefined : ["  repaired", count(freshness.digestRepairs, "time")],
    ["routes", routesText(routes)],
    routes.limit === undefined
      ? undefined
      : ["limit", { text: `${routes.limit.state} it: ${routes.limit.text}`, paint: style.yellow }],
    peer.certificateEnds === undefined
      ? undefined
      : ["certificates", `until ${moment(peer.certificateEnds)}`],
  ];
  return pairs(told, style);
}

/** What we told it and it did not confirm. */
function unconfirmedText({ lag, oldestUnackedMs }: PeerRecord["freshness"]): string {
  if (lag === 0) return "nothing";
  return `${count(lag, "frame")}${oldestUnackedMs === undefined ? "" : `, for ${span(oldestUnackedMs)}`}`;
}

function routesText({ received, max, accepted, best, rejected, advertised }: PeerRecord["routes"]): string {
  const taken = `${received} received of at most ${max}, ${accepted} in use`;
  return `${taken}, ${best} best, ${rejected} rejected, ${advertised} told`;
}

/** Names shown of each list; the JSON has them all. */
const NAMES_SHOWN = 20;

export function differenceText(differences: readonly PeerDifference[], style: Style): string {
  const parts = differences.flatMap(({ peer, imports, exports }) => {
    const lines = [...sideLines("taken from it", imports, style), ...sideLines("told to it", exports, style)];
    return lines.length === 0 ? [] : [[style.bold(peer), ...lines].join("\n")];
  });
  return parts.length === 0 ? "nothing changes" : parts.join("\n\n");
}

function sideLines(what: string, side: PeerDifference["imports"], style: Style): string[] {
  const list = (sign: string, names: readonly string[], paint: (text: string) => string): string[] => [
    ...names.slice(0, NAMES_SHOWN).map((name) => paint(`  ${sign} ${name}`)),
    ...(names.length > NAMES_SHOWN ? [`  ${sign} and ${names.length - NAMES_SHOWN} more`] : []),
  ];
  const { gained, lost, changed } = side;
  if (gained.length + lost.length + changed.length === 0) return [];
  return [
    `${what}: ${gained.length} more, ${lost.length} less, ${changed.length} with other values`,
    ...list("+", gained, style.green),
    ...list("-", lost, style.red),
    ...list("~", changed, style.yellow),
  ];
}
