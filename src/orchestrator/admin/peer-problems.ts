// What is wrong between nodes, for `status` and `check`. A peer that was taken down on purpose is no problem; one that was never
// reached is one after the first seconds of the node. One line a peer, worst first, a bounded number of them. Pure.

import type { NodeStatus, PeerRecord, PeeringStatus, Quarantined } from "#rpc";
import type { PeeringStatus as SessionsStatus } from "../peering/peering.ts";
import { NOTICES } from "#routing";
import type { Problem } from "./problems.ts";

export interface PeeringFacts {
  readonly status: SessionsStatus;
  readonly peers: readonly PeerRecord[];
  /** Learned services that the graph was composed without. */
  readonly leftOut: readonly Quarantined[];
  readonly uptimeMs: number;
  readonly now: number;
}

/** Of each kind; more are summed up in one line. */
const NAMED = 5;
/** In a picture of the node. */
const SHOWN = 50;
/** Time in which a node that was just started may still be dialling. */
const START_MS = 15_000;
/** A certificate ends so soon that somebody should look. */
const CERTIFICATE_MS = 3 * 86_400_000;

const isDown = ({ session: { waits } }: PeerRecord): boolean => waits === "down";

/** No session, and it should have one. */
function isAway({ session }: PeerRecord, uptimeMs: number): boolean {
  if (session.state === "synced" || session.state === "syncing" || session.waits === "down") return false;
  return session.last !== undefined || uptimeMs > START_MS;
}

const isStale = (peer: PeerRecord): boolean =>
  !isDown(peer) && (peer.freshness.state === "stale" || peer.freshness.state === "long-stale");

export function peeringProblems({ status, peers, leftOut, uptimeMs, now }: PeeringFacts): Problem[] {
  const [strange, away] = parted(
    peers.filter((peer) => isAway(peer, uptimeMs)),
    ({ session }) => session.last?.code === NOTICES.unproven.code,
  );
  // A lost session explains old data.
  const stale = peers.filter((peer) => isStale(peer) && !isAway(peer, uptimeMs));
  const full = peers.filter(({ routes }) => routes.limit !== undefined);
  const ending = peers.filter(
    ({ certificateEnds: ends }) => ends !== undefined && ends - now < CERTIFICATE_MS,
  );
  return [
    ...status.problems.map(({ text, hint }) => ({ code: "ERR_PEERING", text, hint })),
    ...named("ERR_PEER_UNPROVEN", strange, awayText, strangeHint),
    ...named("ERR_PEER_DOWN", away, awayText),
    ...named("ERR_PEER_STALE", stale, staleText),
    ...named("ERR_PEER_LIMIT", full, ({ node, routes }) => `${node}: ${routes.limit?.text ?? ""}`),
    ...named("ERR_PEER_CERTIFICATE", ending, ({ node, certificateEnds = 0 }) => {
      const hours = Math.floor((certificateEnds - now) / 3_600_000);
      return hours < 0
        ? `a certificate between this node and ${node} is over`
        : `a certificate between this node and ${node} ends in ${hours} h`;
    }),
    ...leftOutProblems(leftOut),
  ];
}

function leftOutProblems(leftOut: readonly Quarantined[]): Problem[] {
  const lines = leftOut.slice(0, NAMED).map(({ service, code, text }) => ({
    code,
    text: `${service} is left out of the graph: ${text}`,
    hint: `catalyst route explain ${service}`,
  }));
  const more = leftOut.length - lines.length;
  if (more === 0) return lines;
  const code = leftOut.at(-1)?.code ?? "ERR_SCHEMA_CONFLICT";
  return [...lines, { code, text: `and ${more} more are left out of the graph` }];
}

function named(
  code: string,
  peers: readonly PeerRecord[],
  text: (peer: PeerRecord) => string,
  hint = ({ node }: PeerRecord): string => `catalyst peer show ${node}`,
): Problem[] {
  const lines = peers.slice(0, NAMED).map((peer) => ({
    code,
    text: text(peer),
    hint: hint(peer),
  }));
  const more = peers.length - lines.length;
  return more === 0
    ? lines
    : [...lines, { code, text: `and ${more} more peers`, hint: "catalyst peer list" }];
}

function parted<T>(all: readonly T[], holds: (one: T) => boolean): readonly [T[], T[]] {
  return [all.filter(holds), all.filter((one) => !holds(one))];
}

/** Only who starts both nodes can end it. */
const strangeHint = ({ node }: PeerRecord): string =>
  `start both nodes with the same identity.mode, then: catalyst peer up ${node}`;

function awayText({ node, session }: PeerRecord): string {
  const why = session.last === undefined ? "" : `: ${session.last.text}`;
  const next = session.waits === "operator" ? "; it waits for an operator" : "";
  return `no session with ${node}${why}${next}`;
}

function staleText({ node, freshness, session }: PeerRecord): string {
  const up = session.state === "synced" ? ", though its session is up" : "";
  const age = freshness.digestAgoMs ?? freshness.endMarkAgoMs;
  const since = age === undefined ? "" : `, last found equal ${Math.round(age / 1_000)} s ago`;
  return `what is known of ${node} may be old${up}${since}`;
}

/** Peers in trouble first; else by name. Nothing where there is no peer and none is waited for. */
export function peeringStatus(
  { status, peers, uptimeMs }: PeeringFacts,
  identity: NodeStatus["identity"],
): PeeringStatus | undefined {
  if (peers.length === 0 && status.listens === undefined) return undefined;
  const trouble = (peer: PeerRecord): number => (isAway(peer, uptimeMs) ? 0 : isStale(peer) ? 1 : 2);
  return {
    peers: peers.length,
    synced: peers.filter(({ session }) => session.state === "synced").length,
    stale: peers.filter(isStale).length,
    ...(status.listens === undefined ? {} : { listens: status.listens }),
    between: status.proven && identity !== "none" ? "certificate" : "none",
    shown: peers.toSorted((a, b) => trouble(a) - trouble(b)).slice(0, SHOWN),
  };
}
