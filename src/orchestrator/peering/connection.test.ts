import assert from "node:assert/strict";
import { test } from "node:test";
import type { FrameHead, Open } from "#routing";
import { Connection, type Driven, type Happened } from "./connection.ts";
import type { DialledLink, LinkHandler } from "./link.ts";

/** A connection whose driver answers nothing by itself. */
function dialled() {
  const happened: Happened[] = [];
  const frames: number[] = [];
  const driven: Driven = {
    happened: (what) => void happened.push(what),
    frame: (_, head) => void frames.push(head.seq),
    progress: () => ({ sentSeq: 0, receivedSeq: 0, clockMs: 0 }),
    blob: () => Promise.reject(new Error("none")),
    keys: async () => ({ keys: [] }),
    ended: () => {},
    failed: () => {},
    after: () => () => {},
  };
  const connection = new Connection("b.acme.test", "d1", driven);
  let handler: LinkHandler | undefined;
  let answer: (value: Awaited<ReturnType<DialledLink["open"]>>) => void = () => {};
  const link = {
    open: () => new Promise((resolve: typeof answer) => (answer = resolve)),
    close: () => {},
  } as unknown as DialledLink;
  connection.dial(async (given) => {
    handler = given;
    return link;
  });
  const heads = (seq: number): FrameHead => ({ seq, encoding: "identity", rawBytes: 1, routes: 0 });
  return {
    connection,
    happened,
    frames,
    frame: (seq: number) =>
      handler?.frame(heads(seq), new Uint8Array(1)) ?? Promise.reject(new Error("no link")),
    answer: () => answer({ ok: true, open: {} as Open }),
  };
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("what comes before this side took the answer waits for it, in order", async () => {
  const { connection, happened, frames, frame, answer } = dialled();
  await turn();
  connection.open({} as Open);
  const first = frame(1);
  void frame(2).catch(() => {});
  assert.deepEqual(frames, []);
  answer();
  await turn();
  assert.deepEqual(frames, [1, 2]);
  assert.deepEqual(
    happened.map(({ kind }) => kind),
    ["dialled", "answered"],
  );
  connection.acknowledge(1, { acked: 1, credit: 8 });
  assert.deepEqual(await first, { acked: 1, credit: 8 });
});

test("unanswered frames are bounded, before the answer and after, and all are settled by the end", async () => {
  const { connection, frames, frame, answer } = dialled();
  await turn();
  connection.open({} as Open);
  const early = Array.from({ length: 100 }, (_, at) => frame(at + 1));
  answer();
  const settled = Promise.allSettled(early);
  await turn();
  const late = Promise.allSettled(Array.from({ length: 100 }, (_, at) => frame(at + 200)));
  assert.equal(frames.length, 64);
  connection.close("over");
  for (const one of [...(await settled), ...(await late)]) assert.equal(one.status, "rejected");
  await assert.rejects(frame(500), /ended/);
});
