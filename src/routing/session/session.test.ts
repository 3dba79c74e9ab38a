import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { PeerIntent } from "../route.ts";
import type { Open } from "./message.ts";
import { notice, NOTICES } from "./notice.ts";
import { deadline, newSession, step } from "./session.ts";
import type { Session, SessionInput, SessionOutput } from "./state.ts";
import { TIMERS } from "./timers.ts";

const [LOW, HIGH] = ["a.acme.test", "b.acme.test"];
const LIMITS = { routes: 1_000, rate: 100, bytes: 1 << 20, pathLength: 16 };

const intentOf = (node: string, rest: Partial<PeerIntent> = {}): PeerIntent => ({
  node,
  organization: "acme.test",
  kind: "internal",
  role: "internal",
  address: `${node}:7443`,
  onLoss: "depreference",
  limits: LIMITS,
  ...rest,
});

const openOf = (node: string, rest: Partial<Open> = {}): Open => ({
  versions: [1, 1],
  node,
  organization: "acme.test",
  incarnation: `${node}-1`,
  role: "internal",
  holdMs: 9_000,
  sendHoldMs: 18_000,
  encodings: ["identity"],
  limits: LIMITS,
  capabilities: {},
  ...rest,
});

type Told<I> = I extends unknown ? Omit<I, "at" | "random"> : never;

/** One side of a peering under a clock that the test moves. */
function side(self: string, other: string, intent: Partial<PeerIntent> = {}) {
  let session: Session = newSession(self, intentOf(other, intent), 0);
  let at = 0;
  const tell = (input: Told<SessionInput>, random = 0.5): readonly SessionOutput[] => {
    const stepped = step(session, { ...input, at, random } as SessionInput);
    session = stepped.session;
    return stepped.outputs;
  };
  return {
    get session() {
      return session;
    },
    get state() {
      return session.phase.state;
    },
    tell,
    /** Moves to the next deadline and wakes. */
    wake(): readonly SessionOutput[] {
      at = deadline(session) ?? assert.fail("no deadline");
      return tell({ kind: "wake" });
    },
    later(ms: number): readonly SessionOutput[] {
      at += ms;
      return tell({ kind: "wake" });
    },
    get at() {
      return at;
    },
    /** Dials and agrees. */
    establish(rest: Partial<Open> = {}) {
      this.wake();
      const conn = `d${session.dials}`;
      tell({ kind: "dialled", conn, mine: openOf(self) });
      const answer = { ok: true, open: openOf(other, rest) } as const;
      return tell({ kind: "answered", conn, mine: openOf(self), answer });
    },
    sync(conn = "d1") {
      tell({ kind: "done", conn, side: "in" });
      return tell({ kind: "done", conn, side: "out" });
    },
  };
}

const kinds = (outputs: readonly SessionOutput[]) => outputs.map(({ kind }) => kind);

describe("coming up", () => {
  test("dials at once, agrees, and is synced when both end marks are through", () => {
    const a = side(LOW, HIGH);
    assert.deepEqual(kinds(a.establish()), ["up"]);
    assert.deepEqual(a.tell({ kind: "done", conn: "d1", side: "in" }), []);
    assert.deepEqual(kinds(a.tell({ kind: "done", conn: "d1", side: "out" })), ["synced"]);
  });

  test("hold-is-negotiated: both sides use the minimum", () => {
    const a = side(LOW, HIGH);
    a.establish({ holdMs: 4_500 });
    const { phase } = a.session;
    assert.equal(phase.state === "established" && phase.agreed.holdMs, 4_500);
    assert.equal(phase.state === "established" && phase.agreed.keepaliveMs, 1_500);
  });

  test("roles that do not mirror each other are refused for the operator", () => {
    const a = side(LOW, HIGH);
    a.establish({ role: "customer" });
    assert.deepEqual(a.session.phase, { state: "idle", waits: "operator" });
    assert.equal(a.session.last?.code, NOTICES.roles.code);
  });

  test("every waiting state ends by itself", () => {
    const a = side(LOW, HIGH);
    a.wake();
    assert.equal(a.state, "connecting");
    assert.deepEqual(kinds(a.wake()), ["close"]);
    assert.equal(a.state, "idle");
    a.wake();
    a.tell({ kind: "dialled", conn: "d2", mine: openOf(LOW) });
    assert.equal(a.state, "opening");
    assert.deepEqual(kinds(a.wake()), ["close"]);
    a.establish();
    a.tell({ kind: "fail", conn: "d3", notice: notice("malformed", "x") });
    assert.equal(a.state, "closing");
    assert.deepEqual(kinds(a.wake()), ["close"]);
    assert.equal(a.state, "idle");
    assert.ok(deadline(a.session));
  });
});

describe("two connections", () => {
  test("the one dialled by the lower id stays, on both sides", () => {
    const [a, b] = [side(LOW, HIGH), side(HIGH, LOW)];
    for (const one of [a, b]) one.wake();
    a.tell({ kind: "dialled", conn: "d1", mine: openOf(LOW) });
    b.tell({ kind: "dialled", conn: "d1", mine: openOf(HIGH) });
    const atA = a.tell({ kind: "asked", conn: "x1", mine: openOf(LOW), theirs: openOf(HIGH) });
    assert.deepEqual(
      atA.map((output) => output.kind === "answer" && output.answer.ok),
      [false],
    );
    const atB = b.tell({ kind: "asked", conn: "x1", mine: openOf(HIGH), theirs: openOf(LOW) });
    assert.deepEqual(kinds(atB), ["close", "answer", "up"]);
    assert.equal(b.state, "established");
    const answer = { ok: true, open: openOf(HIGH) } as const;
    a.tell({ kind: "answered", conn: "d1", mine: openOf(LOW), answer });
    assert.equal(a.state, "established");
  });

  test("reconnect-false-loop: a newer incarnation always replaces the session", () => {
    const a = side(LOW, HIGH);
    a.establish();
    const theirs = openOf(HIGH, { incarnation: "b-2" });
    const outputs = a.tell({ kind: "asked", conn: "x1", mine: openOf(LOW), theirs });
    assert.deepEqual(kinds(outputs), ["close", "down", "answer", "up"]);
  });

  test("the same incarnation does not, but the old connection must then prove that it lives", () => {
    const a = side(LOW, HIGH);
    a.establish();
    const outputs = a.tell({ kind: "asked", conn: "x1", mine: openOf(LOW), theirs: openOf(HIGH) });
    assert.deepEqual(kinds(outputs), ["answer", "ping"]);
    assert.equal(deadline(a.session), a.at + 3_000);
    a.later(3_000);
    assert.equal(a.state, "closing");
    assert.equal(a.session.last?.code, NOTICES.hold.code);
  });
});

describe("liveness", () => {
  test("pings a third of hold after its last word, and ends after hold without one of the peer", () => {
    const a = side(LOW, HIGH);
    a.establish();
    assert.deepEqual(kinds(a.wake()), ["ping"]);
    assert.equal(a.at, 3_000);
    a.tell({ kind: "heard", conn: "d1" });
    while (a.state === "established") a.wake();
    assert.equal(a.at, 12_000);
    assert.equal(a.session.last?.code, NOTICES.hold.code);
  });

  test("slow-peer-stopped: a peer that lives and acknowledges nothing is dropped", () => {
    const a = side(LOW, HIGH);
    a.establish();
    a.sync();
    a.tell({ kind: "sent", conn: "d1", seq: 1 });
    while (a.state === "established") {
      a.tell({ kind: "heard", conn: "d1" });
      a.wake();
    }
    assert.equal(a.at, 18_000);
    assert.equal(a.session.last?.code, NOTICES.sendHold.code);
  });

  test("a first synchronisation without progress ends", () => {
    const a = side(LOW, HIGH);
    a.establish();
    while (a.state === "established") {
      a.tell({ kind: "heard", conn: "d1" });
      a.wake();
    }
    assert.equal(a.at, TIMERS.syncMs);
  });

  test("a lost last frame shows in the other side's progress", () => {
    const a = side(LOW, HIGH);
    a.establish();
    const progress = { sentSeq: 3, receivedSeq: 0, clockMs: 5 };
    const outputs = a.tell({ kind: "progress", conn: "d1", progress });
    assert.deepEqual(kinds(outputs), ["notify", "down"]);
    assert.equal(a.session.last?.code, NOTICES.sequence.code);
  });
});

describe("coming back", () => {
  test("session-break-redial: at most three seconds apart for five minutes after a synced session", () => {
    const a = side(LOW, HIGH);
    a.establish();
    a.sync();
    a.tell({ kind: "closed", conn: "d1", text: "reset" }, 0.999);
    const lost = a.at;
    for (let i = 0; i < 20; i++) {
      const before = a.at;
      a.wake();
      assert.ok(a.at - before <= 3_000);
      a.tell({ kind: "closed", conn: `d${a.session.dials}`, text: "refused" }, 0.999);
    }
    while (a.at < lost + TIMERS.lossSpanMs) {
      a.wake();
      a.tell({ kind: "closed", conn: `d${a.session.dials}`, text: "refused" }, 0.999);
    }
    const before = a.at;
    a.wake();
    assert.ok(a.at - before > 50_000);
  });

  test("doubles from a second to a minute with full jitter, and starts over after a session that held", () => {
    const a = side(LOW, HIGH);
    const pauses: number[] = [];
    for (let i = 0; i < 8; i++) {
      a.wake();
      a.tell({ kind: "closed", conn: `d${a.session.dials}`, text: "refused" }, 0.5);
      pauses.push((deadline(a.session) ?? 0) - a.at);
    }
    assert.deepEqual(pauses, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  test("without proof of identity three times, only an operator helps; an incoming session still does", () => {
    const a = side(LOW, HIGH);
    for (let i = 1; i <= 3; i++) {
      a.wake();
      a.tell({ kind: "closed", conn: `d${i}`, text: "certificate refused", auth: true });
    }
    assert.deepEqual(a.session.phase, { state: "idle", waits: "operator" });
    a.tell({ kind: "asked", conn: "x1", mine: openOf(LOW), theirs: openOf(HIGH) });
    assert.equal(a.state, "established");
  });

  test("where one side proves who it is and the other does not, the first dial is the last", () => {
    const a = side(LOW, HIGH);
    a.wake();
    const { code } = NOTICES.unproven;
    a.tell({ kind: "closed", conn: "d1", text: "it asks for certificates", code });
    assert.deepEqual(a.session.phase, { state: "idle", waits: "operator" });
    assert.equal(a.session.last?.code, code);
    assert.equal(deadline(a.session), undefined);
  });

  test("a peering taken down says so, withdraws at once and refuses; taken up it dials at once", () => {
    const a = side(LOW, HIGH);
    a.establish();
    const down = intentOf(HIGH, { adminDown: { reason: "maintenance" } });
    const outputs = a.tell({ kind: "configure", intent: down });
    assert.deepEqual(
      outputs.map((output) => (output.kind === "down" ? output.fate : output.kind)),
      ["notify", "gone"],
    );
    a.wake();
    assert.equal(deadline(a.session), undefined);
    const refused = a.tell({ kind: "asked", conn: "x1", mine: openOf(LOW), theirs: openOf(HIGH) });
    assert.deepEqual(kinds(refused), ["answer"]);
    a.tell({ kind: "configure", intent: intentOf(HIGH) });
    assert.equal(deadline(a.session), a.at);
  });

  test("an operator's word takes stale routes too, when there is no session to say it in", () => {
    const a = side(LOW, HIGH);
    a.establish();
    a.tell({ kind: "closed", conn: "d1", text: "reset" });
    a.wake();
    a.tell({ kind: "dialled", conn: "d2", mine: openOf(LOW) });
    const answer = { ok: false, notice: notice("shutdown", "maintenance") } as const;
    const refused = a.tell({ kind: "answered", conn: "d2", mine: openOf(LOW), answer });
    assert.deepEqual(kinds(refused), ["close", "gone"]);
    const down = intentOf(HIGH, { adminDown: { reason: "over" } });
    assert.deepEqual(kinds(a.tell({ kind: "configure", intent: down })), ["gone"]);
  });

  test("sigterm-with-clients: draining names the time after which to come back", () => {
    const [a, b] = [side(LOW, HIGH), side(HIGH, LOW)];
    for (const one of [a, b]) one.establish();
    const words = notice("draining", "upgrade", { afterMs: 2_000, restartMs: 60_000 });
    const [said] = a.tell({ kind: "drain", notice: words });
    assert.deepEqual(said, { kind: "notify", conn: "d1", notice: words });
    const outputs = b.tell({ kind: "noticed", conn: "d1", notice: words }, 0);
    assert.deepEqual(outputs[1], {
      kind: "down",
      conn: "d1",
      fate: "lost",
      text: "upgrade",
      restartMs: 60_000,
    });
    assert.equal(deadline(b.session), b.at + 2_000);
    a.wake();
    assert.equal(deadline(a.session), undefined);
  });
});
