// A peering as the admin contract shows it: what its session is at, and how old what is known of the peer may be. "Connected" alone
// never counts as fresh: sums that were not found equal for too long make data stale though the session is up
// (docs/internals/session.md section 10, `session-up-data-stale`). Pure.

import type { Millis } from "#kernel";
import type { PeerRecord } from "#rpc";
import { noticeName, type PeerReport, type Received } from "#routing";
import type { PeerState } from "../peering/peering.ts";
import type { InUse } from "./route-counts.ts";

/** Sums are compared every 30 s; four times without an equal one is no accident. */
const DIGEST_OVERDUE_MS = 120_000;

export function peerRecord(
  { intent, owner, report, limit, certificateEnds }: PeerState,
  received: Received | undefined,
  inUse: InUse,
  now: Millis,
): PeerRecord {
  const { node, organization, kind, role, address, onLoss } = intent;
  const size = received?.size ?? 0;
  return {
    node,
    organization,
    kind,
    role,
    owner: { ...owner },
    ...(address === undefined ? {} : { address }),
    onLoss,
    session: sessionOf(report, intent.adminDown !== undefined, now),
    reach: received?.terms.reach ?? "unknown",
    freshness: freshnessOf(report, size, now),
    ...(certificateEnds === undefined ? {} : { certificateEnds }),
    ...(intent.trust !== undefined && "unproven" in intent.trust ? { unproven: true } : {}),
    routes: {
      received: size,
      accepted: inUse.used,
      best: inUse.best,
      advertised: report?.advertised ?? 0,
      rejected: received?.rejected.length ?? 0,
      max: intent.limits.routes,
      ...(limit === undefined ? {} : { limit: { state: limit.state, text: limit.text } }),
    },
  };
}

function sessionOf(report: PeerReport | undefined, down: boolean, now: Millis): PeerRecord["session"] {
  if (report === undefined) return { state: "idle", waits: down ? "down" : "retry", flaps: 0 };
  const { phase, flaps, last } = report.session;
  const ended =
    last === undefined
      ? {}
      : {
          last: {
            agoMs: ago(last.at, now),
            ...(last.code === undefined ? {} : { code: last.code }),
            text: last.text === "" && last.code !== undefined ? (noticeName(last.code) ?? "") : last.text,
          },
        };
  switch (phase.state) {
    case "idle":
      return {
        state: "idle",
        ...(last === undefined ? {} : { forMs: ago(last.at, now) }),
        waits: phase.waits,
        ...(phase.retryAt === undefined ? {} : { retryInMs: Math.max(0, phase.retryAt - now) }),
        flaps,
        ...ended,
      };
    case "established": {
      const { syncedAt, since, dialled } = phase;
      const state = syncedAt === undefined ? "syncing" : "synced";
      return { state, forMs: ago(syncedAt ?? since, now), dialled, flaps, ...ended };
    }
    case "closing":
      return { state: "closing", waits: phase.next.waits, flaps, ...ended };
    default:
      return { state: phase.state, flaps, ...ended };
  }
}

function freshnessOf(report: PeerReport | undefined, routes: number, now: Millis): PeerRecord["freshness"] {
  if (report === undefined) return { state: "none", lag: 0, behind: 0, digestRepairs: 0 };
  const { lastEndAt, lastSameAt, inFlight, behind, repairs } = report;
  const { phase } = report.session;
  const waiting = phase.state === "established" && inFlight > 0 ? ago(phase.ackedAt, now) : undefined;
  return {
    state: stateOf(report, routes, now),
    ...(lastEndAt === undefined ? {} : { endMarkAgoMs: ago(lastEndAt, now) }),
    ...(lastSameAt === undefined ? {} : { digestAgoMs: ago(lastSameAt, now) }),
    lag: inFlight,
    ...(waiting === undefined ? {} : { oldestUnackedMs: waiting }),
    behind,
    digestRepairs: repairs,
  };
}

function stateOf(report: PeerReport, routes: number, now: Millis): PeerRecord["freshness"]["state"] {
  const { session, stale, lastEndAt, lastSameAt } = report;
  if (stale !== "no") return stale === "long" ? "long-stale" : "stale";
  if (lastEndAt === undefined) return routes === 0 ? "none" : "stale";
  if (session.phase.state !== "established") return routes === 0 ? "none" : "stale";
  // No end mark counts: each repair brings one, also one that repairs nothing.
  const equalAt = Math.max(lastSameAt ?? 0, session.phase.syncedAt ?? now);
  return now - equalAt > DIGEST_OVERDUE_MS ? "stale" : "fresh";
}

const ago = (at: Millis, now: Millis): number => Math.max(0, Math.round(now - at));
