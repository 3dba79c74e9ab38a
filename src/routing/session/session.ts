// The state machine of one peering: dial or be dialled, agree, exchange, end, come back. Shaped after RFC 4271 section 8, with a
// watchdog on every waiting state; a pure reducer, so that a whole network of them runs in one thread under a virtual clock. It
// knows nothing of routes: `exchange.ts` beside it does. Of two connections the one dialled by the lower node id stays, but a new
// incarnation of the other side always replaces the old, as does a side that dials again (it would not, had it a session).

import type { Millis } from "#kernel";
import type { PeerIntent } from "../route.ts";
import type { NodeName } from "../service.ts";
import { established, wakeEstablished } from "./established.ts";
import type { Notice } from "./message.ts";
import { negotiate } from "./negotiate.ts";
import { notice, noticeName } from "./notice.ts";
import { type Ending, rest } from "./rest.ts";
import type {
  Answer,
  Closing,
  Conn,
  Established,
  Fate,
  Session,
  SessionInput,
  SessionOutput,
  Stepped,
} from "./state.ts";
import { TIMERS } from "./timers.ts";

type Of<K extends SessionInput["kind"]> = Extract<SessionInput, { kind: K }>;

/** A peering before its first event; it dials (where it has an address) at the first `wake`. */
export function newSession(self: NodeName, intent: PeerIntent, at: Millis): Session {
  const phase: Session["phase"] =
    intent.adminDown !== undefined
      ? { state: "idle", waits: "down" }
      : intent.address === undefined
        ? { state: "idle", waits: "peer" }
        : { state: "idle", waits: "retry", retryAt: at };
  return { self, intent, phase, draining: false, dials: 0, failures: 0, authFailures: 0, flaps: 0 };
}

/** When the session wants its next `wake`; undefined = it waits for somebody. */
export function deadline({ phase }: Session): Millis | undefined {
  switch (phase.state) {
    case "idle":
      return phase.retryAt;
    case "connecting":
    case "opening":
    case "closing":
      return phase.until;
    case "established":
      return established.deadline(phase);
  }
}

export function step(session: Session, input: SessionInput): Stepped {
  switch (input.kind) {
    case "configure":
      return configure(session, input);
    case "drain":
      return drain(session, input);
    case "wake":
      return wake(session, input);
    case "asked":
      return asked(session, input);
    default:
      // Whatever a connection that was given up still says is no longer of interest.
      return connOf(session) === input.conn ? onConn(session, input) : same(session);
  }
}

type ConnInput = Exclude<SessionInput, { kind: "configure" | "drain" | "wake" | "asked" }>;

function onConn(session: Session, input: ConnInput): Stepped {
  const { phase } = session;
  switch (input.kind) {
    case "dialled":
      if (phase.state !== "connecting") return same(session);
      return {
        session: { ...session, phase: { ...phase, state: "opening", until: input.at + TIMERS.openMs } },
        outputs: [{ kind: "open", conn: input.conn, open: input.mine }],
      };
    case "answered":
      return phase.state === "opening" ? answered(session, input) : same(session);
    case "closed":
      return closed(session, input);
    case "said":
      return phase.state === "closing" ? finishClosing(session, phase) : same(session);
    case "noticed":
      return noticed(session, input);
    case "fail":
      return phase.state === "established" ? fail(session, phase, input, input.notice) : same(session);
    case "heard":
    case "progress":
    case "received":
    case "sent":
    case "acked":
    case "done": {
      if (phase.state !== "established") return same(session);
      const next = established.step(phase, input);
      if (next.fail !== undefined) return fail(session, phase, input, next.fail);
      return { session: { ...session, phase: next.phase }, outputs: next.outputs };
    }
  }
}

function wake(session: Session, input: Of<"wake">): Stepped {
  const { phase, intent } = session;
  const { at } = input;
  const due = deadline(session);
  if (due === undefined || at < due) return same(session);
  switch (phase.state) {
    case "idle": {
      if (intent.address === undefined) return same(session);
      const conn = `d${session.dials + 1}`;
      return {
        session: {
          ...session,
          dials: session.dials + 1,
          phase: { state: "connecting", conn, until: at + TIMERS.connectMs },
        },
        outputs: [{ kind: "dial", conn, address: intent.address }],
      };
    }
    case "connecting":
      return giveUp(session, input, "no connection in time");
    case "opening":
      return giveUp(session, input, "no answer to the first words");
    case "closing":
      return finishClosing(session, phase);
    case "established": {
      const next = wakeEstablished(phase, at);
      if (next.fail !== undefined) return fail(session, phase, input, next.fail);
      return { session: { ...session, phase: next.phase }, outputs: next.outputs };
    }
  }
}

function giveUp(session: Session, input: SessionInput, text: string): Stepped {
  const conn = connOf(session);
  return {
    session: rest(session, { at: input.at, random: input.random, text }),
    outputs: conn === undefined ? [] : [{ kind: "close", conn }],
  };
}

function answered(session: Session, input: Of<"answered">): Stepped {
  const { answer, mine, conn } = input;
  if (!answer.ok) {
    // Its last words may have been lost with the session: an operator's "down" takes the routes as well.
    const outputs: SessionOutput[] = [{ kind: "close", conn }];
    const { code, text } = answer.notice;
    if (noticeName(code) === "shutdown") outputs.push({ kind: "gone", text });
    return { session: rest(session, endingOf(input, answer.notice)), outputs };
  }
  const verdict = negotiate(mine, answer.open, session.intent);
  if (!verdict.ok) {
    return {
      session: rest(session, endingOf(input, verdict.notice)),
      outputs: [{ kind: "close", conn, notice: verdict.notice }],
    };
  }
  const { agreed } = verdict;
  const phase = established.begin({ conn, dialled: true, agreed, theirs: answer.open, at: input.at });
  return {
    session: { ...session, phase, authFailures: 0 },
    outputs: [{ kind: "up", conn, agreed, theirs: answer.open }],
  };
}

function asked(session: Session, input: Of<"asked">): Stepped {
  const { conn, mine, theirs, at } = input;
  const refuse = (why: Notice, keep: Session = session): Stepped => ({
    session: { ...keep, last: { at, code: why.code, text: `refused: ${why.text}` } },
    outputs: [{ kind: "answer", conn, answer: { ok: false, notice: why } }],
  });
  if (session.draining) return refuse(notice("draining", "this node is stopping", { afterMs: 1_000 }));
  const { adminDown } = session.intent;
  if (adminDown !== undefined) return refuse(notice("shutdown", adminDown.reason));
  const verdict = negotiate(mine, theirs, session.intent);
  if (!verdict.ok) return refuse(verdict.notice);

  const { phase } = session;
  const lower = session.self < theirs.node;
  if (phase.state === "opening" && lower) {
    return refuse(notice("superseded", "the other connection stays"));
  }
  if (phase.state === "established" && !replaces(phase, theirs.incarnation, lower)) {
    // It may really have lost the session: if it is silent on the old one for the time of a keepalive, that one ends.
    const holdUntil = Math.min(phase.holdUntil, at + phase.agreed.keepaliveMs);
    const suspect = { ...session, phase: { ...phase, holdUntil } };
    const { session: kept, outputs } = refuse(notice("superseded", "a session is up"), suspect);
    return { session: kept, outputs: [...outputs, { kind: "ping", conn: phase.conn }] };
  }

  const { agreed } = verdict;
  const answer: Answer = { ok: true, open: mine };
  const next = established.begin({ conn, dialled: false, agreed, theirs, at });
  const wasUp = phase.state === "established";
  return {
    session: { ...session, phase: next, authFailures: 0, flaps: session.flaps + (wasUp ? 1 : 0) },
    outputs: [...dropped(session), { kind: "answer", conn, answer }, { kind: "up", conn, agreed, theirs }],
  };
}

/** Whether a new connection of the peer is to take the place of the session that is up. */
function replaces(phase: Established, incarnation: string, lower: boolean): boolean {
  return phase.theirs.incarnation !== incarnation || !phase.dialled || !lower;
}

/** What becomes of the connection that a new one replaces. */
function dropped(session: Session): SessionOutput[] {
  const { phase } = session;
  if (phase.state === "idle") return [];
  const { conn } = phase;
  if (phase.state !== "established") return [{ kind: "close", conn }];
  const text = "superseded by a newer connection";
  return [
    { kind: "close", conn, notice: notice("superseded", text) },
    { kind: "down", conn, fate: "kept", text },
  ];
}

function configure(session: Session, input: Of<"configure">): Stepped {
  const { intent } = input;
  const before = session.intent;
  const next: Session = { ...session, intent };
  const { phase } = session;
  if (intent.adminDown !== undefined) {
    if (before.adminDown !== undefined) return same(next);
    const ended = end(next, input, notice("shutdown", intent.adminDown.reason));
    if (phase.state === "established") return ended;
    return { ...ended, outputs: [...ended.outputs, { kind: "gone", text: intent.adminDown.reason }] };
  }
  const changed = before.role !== intent.role || before.organization !== intent.organization;
  if (changed && phase.state !== "idle") {
    return end(next, input, notice("changed", "the configuration of the peering changed"));
  }
  // Who waits for the operator hears him in every word: after too many routes it is `peer up` that he says.
  const asked = before.adminDown !== undefined || (phase.state === "idle" && phase.waits === "operator");
  const again = asked || changed || before.address !== intent.address;
  if (phase.state !== "idle" || !again) return same(next);
  const fresh = newSession(session.self, intent, input.at);
  return same({ ...next, phase: fresh.phase, failures: 0, authFailures: 0 });
}

function drain(session: Session, input: Of<"drain">): Stepped {
  return end({ ...session, draining: true }, input, input.notice);
}

/** Ends whatever there is, with last words where somebody hears them. */
function end(session: Session, input: SessionInput, words: Notice): Stepped {
  const { phase } = session;
  if (phase.state === "established") return fail(session, phase, input, words);
  const ending = endingOf(input, words);
  if (phase.state === "closing") {
    const idle = rest(session, ending).phase;
    return same(idle.state === "idle" ? { ...session, phase: { ...phase, next: idle } } : session);
  }
  const conn = connOf(session);
  return {
    session: rest(session, ending),
    outputs: conn === undefined ? [] : [{ kind: "close", conn }],
  };
}

function closed(session: Session, input: Of<"closed">): Stepped {
  const { phase } = session;
  if (phase.state === "closing") return finishClosing(session, phase);
  const { conn, at, random, text, auth, code } = input;
  const ending: Ending = {
    at,
    random,
    text,
    ...(auth === undefined ? {} : { auth }),
    ...(code === undefined ? {} : { code }),
  };
  const outputs: SessionOutput[] =
    phase.state === "established" ? [{ kind: "down", conn, fate: "lost", text }] : [];
  return { session: rest(session, ending), outputs };
}

/** The other side's last words: it closes, so do we. */
function noticed(session: Session, input: Of<"noticed">): Stepped {
  const { phase } = session;
  const { conn, notice: words } = input;
  if (phase.state === "idle" || phase.state === "closing") return same(session);
  const outputs: SessionOutput[] = [{ kind: "close", conn }];
  if (phase.state === "established") {
    outputs.push(downOf(conn, words));
  }
  return { session: rest(session, endingOf(input, words)), outputs };
}

/** Ends an established session for a reason of ours. */
function fail(session: Session, phase: Established, input: SessionInput, words: Notice): Stepped {
  const idle = rest(session, endingOf(input, words));
  if (idle.phase.state !== "idle") return same(session);
  const { conn } = phase;
  const closing: Closing = {
    state: "closing",
    conn,
    until: input.at + TIMERS.closeMs,
    next: idle.phase,
  };
  return {
    session: { ...idle, phase: closing },
    outputs: [{ kind: "notify", conn, notice: words }, downOf(conn, words)],
  };
}

function downOf(conn: Conn, words: Notice): SessionOutput {
  const fate: Fate = noticeName(words.code) === "shutdown" ? "gone" : "lost";
  const { restartMs, text } = words;
  return { kind: "down", conn, fate, text, ...(restartMs === undefined ? {} : { restartMs }) };
}

function finishClosing(session: Session, { conn, next }: Closing): Stepped {
  return { session: { ...session, phase: next }, outputs: [{ kind: "close", conn }] };
}

function endingOf(input: SessionInput, { code, text, afterMs }: Notice): Ending {
  const ending = { at: input.at, random: input.random, code, text };
  return afterMs === undefined ? ending : { ...ending, afterMs };
}

const same = (session: Session): Stepped => ({ session, outputs: [] });

export const connOf = ({ phase }: Session): Conn | undefined =>
  phase.state === "idle" ? undefined : phase.conn;
