// The established phase: who was heard when, what was acknowledged, what is due. Any frame counts as a sign of life; a peer that
// lives but acknowledges nothing is dropped too (send-hold, RFC 9687), and so is one that makes no progress while syncing.

import type { Millis } from "#kernel";
import type { Notice, Open } from "./message.ts";
import type { Agreed } from "./negotiate.ts";
import { notice } from "./notice.ts";
import type { Conn, Established, SessionInput, SessionOutput } from "./state.ts";
import { TIMERS } from "./timers.ts";

export interface Next {
  readonly phase: Established;
  readonly outputs: readonly SessionOutput[];
  /** Set: the session ends with these words. */
  readonly fail?: Notice;
}

type EstablishedInput = Extract<
  SessionInput,
  { kind: "heard" | "progress" | "received" | "sent" | "acked" | "done" }
>;

interface Beginning {
  readonly conn: Conn;
  readonly dialled: boolean;
  readonly agreed: Agreed;
  readonly theirs: Open;
  readonly at: Millis;
}

export const established = {
  begin({ at, agreed, ...rest }: Beginning): Established {
    return {
      state: "established",
      ...rest,
      agreed,
      since: at,
      told: false,
      heardAll: false,
      holdUntil: at + agreed.holdMs,
      spokeAt: at,
      progressAt: at,
      aliveAt: at + TIMERS.progressMs,
      sentSeq: 0,
      ackedSeq: 0,
      ackedAt: at,
      receivedSeq: 0,
      clockOffsetMs: 0,
    };
  },

  deadline(phase: Established): Millis {
    const { agreed } = phase;
    let due = Math.min(phase.holdUntil, phase.spokeAt + agreed.keepaliveMs, phase.aliveAt);
    if (phase.sentSeq > phase.ackedSeq) due = Math.min(due, phase.ackedAt + agreed.sendHoldMs);
    if (phase.syncedAt === undefined) due = Math.min(due, phase.progressAt + TIMERS.syncMs);
    return due;
  },

  step(phase: Established, input: EstablishedInput): Next {
    const { at } = input;
    const heard: Established = { ...phase, holdUntil: at + phase.agreed.holdMs };
    switch (input.kind) {
      case "heard":
        return just(heard);
      case "received":
        return just({ ...heard, receivedSeq: input.seq, progressAt: at });
      case "progress":
        return progress(heard, input);
      case "sent": {
        // The clock of send-hold begins with the first frame that nothing before it keeps waiting.
        const ackedAt = phase.sentSeq > phase.ackedSeq ? phase.ackedAt : at;
        return just({ ...phase, spokeAt: at, ackedAt, sentSeq: Math.max(phase.sentSeq, input.seq) });
      }
      case "acked":
        if (input.seq <= phase.ackedSeq) return just(heard);
        return just({ ...heard, ackedSeq: input.seq, ackedAt: at, progressAt: at });
      case "done":
        return done(phase, input);
    }
  },
};

const just = (phase: Established): Next => ({ phase, outputs: [] });

/** Frames and progress come in order, so what was sent before and is not here is lost. */
function progress(phase: Established, input: Extract<SessionInput, { kind: "progress" }>): Next {
  const { sentSeq, clockMs } = input.progress;
  const next: Established = { ...phase, clockOffsetMs: clockMs - input.at };
  if (sentSeq <= phase.receivedSeq) return just(next);
  const text = `frame ${sentSeq} was sent, ${phase.receivedSeq} is the last one received`;
  return { phase: next, outputs: [], fail: notice("sequence", text) };
}

function done(phase: Established, input: Extract<SessionInput, { kind: "done" }>): Next {
  const next: Established = {
    ...phase,
    told: phase.told || input.side === "out",
    heardAll: phase.heardAll || input.side === "in",
    progressAt: input.at,
  };
  if (phase.syncedAt !== undefined || !next.told || !next.heardAll) return just(next);
  return { phase: { ...next, syncedAt: input.at }, outputs: [{ kind: "synced", conn: phase.conn }] };
}

export function wakeEstablished(phase: Established, at: Millis): Next {
  const { agreed, conn } = phase;
  const fail = overdue(phase, at);
  if (fail !== undefined) return { phase, outputs: [], fail };
  const outputs: SessionOutput[] = [];
  let next = phase;
  if (at >= phase.aliveAt) {
    const { sentSeq, receivedSeq } = phase;
    outputs.push({ kind: "alive", conn, progress: { sentSeq, receivedSeq, clockMs: at } });
    next = { ...next, aliveAt: at + TIMERS.progressMs, spokeAt: at };
  }
  if (at >= next.spokeAt + agreed.keepaliveMs) {
    outputs.push({ kind: "ping", conn });
    next = { ...next, spokeAt: at };
  }
  return { phase: next, outputs };
}

function overdue(phase: Established, at: Millis): Notice | undefined {
  const { agreed } = phase;
  if (at >= phase.holdUntil) return notice("hold", `nothing heard for ${agreed.holdMs} ms`);
  if (phase.sentSeq > phase.ackedSeq && at >= phase.ackedAt + agreed.sendHoldMs) {
    return notice("sendHold", `nothing acknowledged for ${agreed.sendHoldMs} ms`);
  }
  if (phase.syncedAt === undefined && at >= phase.progressAt + TIMERS.syncMs) {
    return notice("internal", `no progress of the first synchronisation for ${TIMERS.syncMs} ms`);
  }
  return undefined;
}
