// When a session that ended or never came about is tried again: doubling with full jitter, except right after the loss of a session
// that worked, when routes are missing and the other side is likely just restarting. Follows docs/internals/session.md section 3.

import type { Millis } from "#kernel";
import { type Retry, retryOf } from "./notice.ts";
import type { Idle, Session } from "./state.ts";
import { TIMERS } from "./timers.ts";

export interface Ending {
  readonly at: Millis;
  readonly random: number;
  readonly text: string;
  /** Of the notice, where one was said or heard. */
  readonly code?: number;
  readonly afterMs?: Millis;
  /** The other side did not prove who it is, without having said a word. */
  readonly auth?: boolean;
}

const AUTH = 4;
/** A peer may ask us to stay away for at most an hour. */
const AFTER_MAX_MS = 3_600_000;

/** The session at rest, with its retry armed or the reason why none is. */
export function rest(session: Session, ending: Ending): Session {
  const { phase, intent } = session;
  const { at, random, text, code } = ending;
  const wasUp = phase.state === "established";
  const syncedAt = wasUp ? phase.syncedAt : undefined;
  const held = syncedAt !== undefined && at - syncedAt >= TIMERS.retryResetMs;
  const auth = code === AUTH || ending.auth === true;
  const authFailures = auth ? session.authFailures + 1 : 0;
  const retry = auth && authFailures >= TIMERS.authTries ? "operator" : retryOf(code ?? 0);
  const failures = held ? 0 : session.failures + (retry === "yield" ? 0 : 1);
  const lostSyncedAt = syncedAt === undefined ? session.lostSyncedAt : at;
  const cap = capAt(lostSyncedAt, at);
  const next: Session = {
    ...session,
    failures,
    authFailures,
    flaps: session.flaps + (wasUp ? 1 : 0),
    last: { at, text, ...(code === undefined ? {} : { code }) },
    ...(lostSyncedAt === undefined ? {} : { lostSyncedAt }),
  };
  let idle: Idle;
  if (intent.adminDown !== undefined || session.draining) idle = { state: "idle", waits: "down" };
  else if (retry === "operator") idle = { state: "idle", waits: "operator" };
  else if (intent.address === undefined) idle = { state: "idle", waits: "peer" };
  else {
    const pause = pauseOf(retry, { failures, cap, random, afterMs: ending.afterMs ?? 0 });
    idle = { state: "idle", waits: "retry", retryAt: at + pause };
  }
  return { ...next, phase: idle };
}

function capAt(lostSyncedAt: Millis | undefined, at: Millis): Millis {
  const recent = lostSyncedAt !== undefined && at - lostSyncedAt < TIMERS.lossSpanMs;
  return recent ? TIMERS.lossCapMs : TIMERS.retryCapMs;
}

/** "now" does so three times; a fault that comes back with each session is none that a session heals. */
const NOW_TRIES = 3;

function pauseOf(
  retry: Retry,
  { failures, cap, random, afterMs }: { failures: number; cap: Millis; random: number; afterMs: Millis },
): Millis {
  const doubling = TIMERS.retryFirstMs * 2 ** Math.min(Math.max(failures - 1, 0), 16);
  const jittered = Math.ceil(random * Math.min(cap, doubling));
  switch (retry) {
    case "now":
      return failures <= NOW_TRIES ? 0 : jittered;
    case "slow":
      return Math.ceil((TIMERS.retryCapMs * (1 + random)) / 2);
    case "after":
      return Math.min(Math.max(afterMs, 0), AFTER_MAX_MS) + jittered;
    default:
      return jittered;
  }
}
