// One connection, with its driver and its link in the test's hands: nothing answers before the test lets it.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type FrameHead, notice, TIMERS } from "#routing";
import { hearing, linkTo, openOf } from "../../../test/kit/by-hand.ts";
import { settle, VirtualClock } from "../../../test/kit/virtual-clock.ts";
import { Connection, type Driven, type Happened } from "./connection.ts";
import { type DialledLink, WireError } from "./link.ts";

const [NODE, CONN] = ["b.acme.test", "d1"];
const OPEN = openOf(NODE);
/** More than are kept waiting. */
const MANY = 100;
const KEPT = 64;

interface Call {
  readonly what: string;
  readonly resolve: (answer?: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** What it was told of, what it asked of its link, and both ends of its dial. */
function hands() {
  const clock = new VirtualClock();
  const happened: Happened[] = [];
  const frames: number[] = [];
  const told: string[] = [];
  const calls: Call[] = [];
  const closes: string[] = [];
  const driven: Driven = {
    happened: (what) => void happened.push(what),
    frame: (_, head) => void frames.push(head.seq),
    progress: () => ({ sentSeq: 5, receivedSeq: 7, clockMs: 9 }),
    blob: () => Promise.reject(new Error("none")),
    keys: async () => ({ keys: [] }),
    ended: () => void told.push("ended"),
    failed: (_, what, error) => void told.push(`failed ${what}: ${String(error)}`),
    after: (ms, run) => clock.after(ms, run),
  };
  const asking =
    (what: string) =>
    <T>(): Promise<T> =>
      new Promise((resolve, reject) => calls.push({ what, resolve: resolve as Call["resolve"], reject }));
  const link: DialledLink = {
    ...linkTo(NODE, { frame: asking("frame"), alive: asking("alive"), digest: asking("digest") }),
    refresh: asking("refresh"),
    notify: asking("notify"),
    close: (text) => void closes.push(text),
    open: asking("open"),
  };
  const connection = new Connection(NODE, CONN, driven);
  const call = (what: string): Call => calls.find((one) => one.what === what) ?? assert.fail(`no ${what}`);
  const asked = () => calls.map(({ what }) => what);
  const kinds = () => happened.map(({ kind }) => kind);
  return { clock, connection, happened, kinds, frames, told, closes, link, call, asked };
}

/** It dialled, and said its first words. */
async function opening() {
  const all = hands();
  let handler = hearing();
  all.connection.dial(async (given) => {
    handler = given;
    return all.link;
  });
  await settle();
  all.connection.open(OPEN);
  const head = (seq: number): FrameHead => ({ seq, encoding: "identity", rawBytes: 1, routes: 0 });
  const frame = (seq: number) => handler.frame(head(seq), new Uint8Array(1));
  const answer = () => all.call("open").resolve({ ok: true, open: OPEN });
  return { ...all, handler, frame, answer };
}

/** The answer came, and what happened until then is forgotten. */
async function up() {
  const all = await opening();
  all.answer();
  await settle();
  all.happened.length = 0;
  return all;
}

describe("before the session is up", () => {
  test("what comes before this side took the answer waits for it, in order", async () => {
    const { connection, kinds, frames, frame, handler, answer } = await opening();
    const [first, second] = [frame(1), frame(2)];
    handler.heard();
    assert.deepEqual([frames, kinds()], [[], ["dialled"]]);
    answer();
    await settle();
    assert.deepEqual(frames, [1, 2]);
    assert.deepEqual(kinds(), ["dialled", "answered", "heard"]);
    connection.acknowledge(1, { acked: 1, credit: 8 });
    assert.deepEqual(await first, { acked: 1, credit: 8 });
    connection.close("over");
    await assert.rejects(second, /over/);
  });

  test("what waits is bounded, calls that want no answer too", async () => {
    const { connection, happened, frames, frame, handler, answer } = await opening();
    for (let at = 0; at < MANY; at++) handler.heard();
    await assert.rejects(frame(1), /too many calls before the answer/);
    answer();
    await settle();
    assert.deepEqual([happened.filter(({ kind }) => kind === "heard").length, frames], [KEPT, []]);
    connection.close("over");
  });

  test("a dial that comes to its end after the connection did leaves no link, and is not heard of", async () => {
    const { connection, kinds, told, closes, link } = hands();
    const { promise, resolve: arrive } = Promise.withResolvers<DialledLink>();
    let wanted: AbortSignal | undefined;
    connection.dial((_, signal) => {
      wanted = signal;
      return promise;
    });
    assert.equal(wanted?.aborted, false);
    connection.close("given up");
    assert.equal(wanted?.aborted, true, "the wire need not go on");
    arrive(link);
    await settle();
    assert.deepEqual([kinds(), told, closes], [[], ["ended"], ["no longer wanted"]]);
  });

  for (const auth of [false, true]) {
    test(`a dial that fails is an end of the connection; want of proof: ${auth}`, async () => {
      const { connection, happened, told } = hands();
      connection.dial(() => Promise.reject(new WireError("nobody there", { auth })));
      await settle();
      const closed = { kind: "closed", node: NODE, conn: CONN, text: "nobody there" };
      assert.deepEqual(happened, [auth ? { ...closed, auth } : closed]);
      assert.deepEqual(told, ["ended"]);
    });

    test(`first words that get no answer end it, with its link; want of proof: ${auth}`, async () => {
      const { happened, told, closes, call } = await opening();
      call("open").reject(new WireError("no answer", { auth }));
      await settle();
      const closed = { kind: "closed", node: NODE, conn: CONN, text: "no answer" };
      assert.deepEqual(happened.slice(1), [auth ? { ...closed, auth } : closed]);
      assert.deepEqual([told, closes], [["ended"], ["no answer to the first words"]]);
    });
  }

  test("an answer that comes after the end is not heard", async () => {
    const { connection, kinds, answer } = await opening();
    connection.close("given up");
    answer();
    await settle();
    assert.deepEqual(kinds(), ["dialled"]);
  });

  test("who knocks and is refused hears why, and that was all", () => {
    const { connection, told, closes, link } = hands();
    const answers: boolean[] = [];
    connection.accepted({ link, theirs: OPEN, answer: ({ ok }) => void answers.push(ok) });
    connection.answer({ ok: false, notice: notice("badPeer", "no such peer") });
    // Until the answer is delivered the link is the wire's.
    assert.deepEqual([answers, told, closes], [[false], ["ended"], []]);
  });
});

describe("while it is up", () => {
  test("what the other side calls is heard, each as what it is", async () => {
    const { handler, happened } = await up();
    const progress = { sentSeq: 1, receivedSeq: 2, clockMs: 3 };
    assert.deepEqual(handler.alive(progress), { sentSeq: 5, receivedSeq: 7, clockMs: 9 });
    handler.refresh([4]);
    handler.notify(notice("shutdown", "maintenance"));
    handler.heard();
    const of = { node: NODE, conn: CONN };
    assert.deepEqual(happened, [
      { kind: "progress", ...of, progress },
      { kind: "heard", ...of },
      { kind: "refresh", ...of, buckets: [4] },
      { kind: "noticed", ...of, notice: { code: 11, text: "maintenance" } },
      { kind: "heard", ...of },
    ]);
  });

  test("what the other side answers is heard, each as what it is", async () => {
    const { connection, happened, call } = await up();
    connection.frame(3, { kind: "begin", generation: 1, buckets: "all" }, 0);
    connection.compare({ seq: 3, buckets: [] });
    connection.refresh("all");
    connection.alive({ sentSeq: 0, receivedSeq: 0, clockMs: 0 });
    const progress = { sentSeq: 1, receivedSeq: 2, clockMs: 3 };
    call("frame").resolve({ acked: 3, credit: 4 });
    call("digest").resolve({ differ: [1] });
    call("refresh").resolve();
    call("alive").resolve(progress);
    await settle();
    const of = { node: NODE, conn: CONN };
    assert.deepEqual(happened, [
      { kind: "acked", ...of, seq: 3, credit: 4 },
      { kind: "compared", ...of, answer: { differ: [1] } },
      { kind: "heard", ...of },
      { kind: "progress", ...of, progress },
      { kind: "heard", ...of },
    ]);
  });

  test("a call that fails is told with its name; one that fails with its connection is not, nor is a late answer", async () => {
    const { connection, happened, told, call } = await up();
    connection.refresh("all");
    connection.compare({ seq: 3, buckets: [] });
    connection.alive({ sentSeq: 0, receivedSeq: 0, clockMs: 0 });
    call("refresh").reject(new Error("refused"));
    await settle();
    assert.deepEqual(told, ["failed refresh: Error: refused"]);
    connection.close("over");
    call("digest").reject(new Error("the link ended"));
    call("alive").resolve({ sentSeq: 1, receivedSeq: 2, clockMs: 3 });
    await settle();
    assert.deepEqual([told.slice(1), happened], [["ended"], []]);
  });

  test("unanswered frames are bounded, before the answer and after, and all are settled by the end", async () => {
    const { connection, frames, frame, answer } = await opening();
    const early = Array.from({ length: MANY }, (_, at) => frame(at + 1));
    answer();
    const settled = Promise.allSettled(early);
    await settle();
    const late = Promise.allSettled(Array.from({ length: MANY }, (_, at) => frame(at + 200)));
    assert.equal(frames.length, KEPT);
    connection.close("over");
    for (const one of [...(await settled), ...(await late)]) assert.equal(one.status, "rejected");
    await assert.rejects(frame(500), /ended/);
  });

  test("a frame that waits for its answer is not taken twice", async () => {
    const { connection, frames, frame } = await up();
    const first = frame(1);
    await assert.rejects(frame(1), /more frames than the window allows/);
    connection.acknowledge(1, { acked: 1, credit: 8 });
    await first;
    assert.deepEqual(frames, [1]);
  });

  test("comparisons are answered in their order, bounded, and settled by the end", async () => {
    const { connection, happened, handler } = await up();
    const mark = { seq: 1, buckets: [] };
    const all = Array.from({ length: MANY }, () => handler.digest(mark));
    const settled = Promise.allSettled(all);
    assert.equal(happened.filter(({ kind }) => kind === "compare").length, KEPT);
    connection.compared({ differ: [1] });
    connection.compared({ same: true });
    connection.close("over");
    const [first, second, third, ...rest] = await settled;
    assert.deepEqual(
      [first, second].map((one) => (one?.status === "fulfilled" ? one.value : one?.reason)),
      [{ differ: [1] }, { same: true }],
    );
    assert.match(String(third?.status === "rejected" && third.reason), /over/);
    for (const one of rest) assert.equal(one.status, "rejected");
  });
});

describe("its end", () => {
  const words = notice("draining", "this node is stopping");

  for (const arrive of [true, false]) {
    test(`the link lives until last words are out; they arrive: ${arrive}`, async () => {
      const { clock, connection, kinds, closes, call } = await up();
      connection.close("this node is stopping", words);
      await settle();
      assert.deepEqual(closes, []);
      if (arrive) call("notify").resolve();
      else call("notify").reject(new Error("too late"));
      await settle();
      assert.deepEqual([kinds(), closes, clock.waiting], [["said"], ["this node is stopping"], []]);
    });
  }

  test("last words that nobody takes hold the link for a second, and no longer", async () => {
    const { clock, connection, closes } = await up();
    connection.notify(words);
    connection.close("this node is stopping");
    await clock.advance(TIMERS.closeMs - 1);
    assert.deepEqual(closes, []);
    await clock.advance(1);
    assert.deepEqual(closes, ["this node is stopping"]);
  });

  test("without last words the link ends at once, and once", async () => {
    const { connection, told, closes } = await up();
    connection.close("over");
    connection.close("over again", words);
    assert.deepEqual([told, closes], [["ended"], ["over"]]);
  });

  test("of a connection that broke the session hears like of any that was lost", async () => {
    const { connection, happened, told, closes } = await up();
    connection.broken("a defect");
    assert.deepEqual(happened, [{ kind: "closed", node: NODE, conn: CONN, text: "a defect" }]);
    assert.deepEqual([told, closes], [["ended"], ["a defect"]]);
  });

  test("one that breaks while it dials ends the dial", () => {
    const { connection } = hands();
    let wanted: AbortSignal | undefined;
    connection.dial((_, signal) => {
      wanted = signal;
      return new Promise(() => {});
    });
    connection.broken("a defect");
    assert.equal(wanted?.aborted, true);
  });

  test("nothing is heard after it, and nothing said", async () => {
    const { connection, happened, told, handler, asked } = await up();
    handler.closed("gone");
    assert.deepEqual(happened, [{ kind: "closed", node: NODE, conn: CONN, text: "gone" }]);
    handler.closed("gone again");
    handler.heard();
    handler.refresh("all");
    handler.notify(words);
    handler.alive({ sentSeq: 0, receivedSeq: 0, clockMs: 0 });
    await assert.rejects(handler.digest({ seq: 1, buckets: [] }), /ended/);
    connection.refresh("all");
    assert.deepEqual([happened.length, told, asked()], [1, ["ended"], ["open"]]);
  });
});
