import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { routeOf, SELF } from "../../test/kit/routes.ts";
import { PEER_LIMITS } from "./peer.ts";
import { noticeSchema, openSchema, peerAnswers, peerSessionMethods, readFrame } from "./peer-schema.ts";

const OPEN = {
  versions: [1, 1],
  node: SELF.node,
  organization: SELF.organization,
  incarnation: "1",
  role: "internal",
  holdMs: 9_000,
  sendHoldMs: 18_000,
  encodings: ["zstd"],
  limits: { routes: 1, rate: 1, bytes: 1, pathLength: 1 },
  capabilities: {},
};
const route = routeOf(SELF.node, { key: "a.acme.test" });
const update = (advertise: readonly unknown[]) => ({ kind: "update", withdraw: [], advertise });

describe("first words", () => {
  test("a newer version may say more: what is not known is ignored", () => {
    const more = {
      ...OPEN,
      encodings: ["brotli", "zstd"],
      capabilities: { later: { deep: [1] } },
      later: true,
    };
    const read = openSchema.safeParse(more);
    assert.ok(read.success);
    assert.deepEqual(read.data.encodings, ["zstd"]);
    assert.equal("later" in read.data, false);
  });

  test("everything has a limit", () => {
    const wrong = [
      { holdMs: -1 },
      { holdMs: Number.MAX_VALUE },
      { incarnation: "x".repeat(129) },
      { node: "UPPER" },
      { node: `${"a".repeat(254)}` },
      { versions: [1] },
      { role: "peer" },
      { encodings: Array.from({ length: 17 }, () => "zstd") },
      { capabilities: Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`c${at}`, 1])) },
      { capabilities: { a: "x".repeat(1_025) } },
      { resume: { epoch: "e", lastSeq: -1, restartMs: 1 } },
      { chain: ["a", "b", "c", "d", "e"] },
      { proof: "x".repeat(8_193) },
    ];
    for (const member of wrong) {
      assert.equal(openSchema.safeParse({ ...OPEN, ...member }).success, false, JSON.stringify(member));
    }
  });
});

describe("a frame", () => {
  const head = { routes: 1 };

  test("marks, withdrawals and claims are read", () => {
    assert.deepEqual(readFrame({ kind: "begin", generation: 1, buckets: "all" }, { routes: 0 }), {
      ok: true,
      frame: { kind: "begin", generation: 1, buckets: "all" },
    });
    assert.deepEqual(readFrame(update([route]), head), { ok: true, frame: update([route]) });
  });

  test("bad-route-alone: a claim without a name is left out with its reason, the frame goes on", () => {
    const deep = { key: "b.acme.test", x: JSON.parse(`${"[".repeat(40)}${"]".repeat(40)}`) as unknown };
    for (const bad of [7, null, {}, { key: 7 }, { key: "" }, { key: "x".repeat(513) }, deep]) {
      const read = readFrame(update([route, bad]), { routes: 2 });
      assert.ok(read.ok && read.frame.kind === "update");
      assert.deepEqual(read.frame.advertise, [route]);
      assert.equal(read.frame.rejected?.length, 1);
    }
  });

  test("one with a wrong form, over a limit, or other than its head says, is none", () => {
    const many = Array.from({ length: PEER_LIMITS.frameRoutes + 1 }, () => route);
    const wrong: readonly (readonly [unknown, number])[] = [
      [7, 0],
      [{ kind: "later" }, 0],
      [update(many), many.length],
      [update([route]), 0],
      [{ ...update([]), withdraw: [{ key: "a.acme.test" }] }, 1],
      [{ kind: "end", generation: 1, count: -1, digest: "0".repeat(16) }, 0],
      [{ kind: "end", generation: 1, count: 1, digest: "x" }, 0],
      [{ kind: "begin", generation: 1, buckets: [256] }, 0],
    ];
    for (const [value, routes] of wrong) assert.equal(readFrame(value, { routes }).ok, false);
  });
});

test("over-limit-at-edge: heads and bytes are refused before anything is decoded", () => {
  const head = { seq: 1, encoding: "zstd", rawBytes: 10, routes: 1 };
  const bytes = new Uint8Array(10);
  const fits = (...args: readonly unknown[]) => peerSessionMethods.frame.safeParse(args).success;
  assert.ok(fits(head, bytes));
  assert.equal(fits({ ...head, rawBytes: PEER_LIMITS.frameBytes + 1 }, bytes), false);
  assert.equal(fits({ ...head, routes: PEER_LIMITS.frameRoutes + 1 }, bytes), false);
  assert.equal(fits({ ...head, seq: 0 }, bytes), false);
  assert.equal(fits(head, new Uint8Array(PEER_LIMITS.encodedBytes + 1)), false);
  assert.equal(fits(head, "text"), false);
});

test("a notice holds 256 bytes of text, and an answer is checked like a question", () => {
  assert.ok(noticeSchema.safeParse({ code: 99, text: "x".repeat(256) }).success);
  assert.equal(noticeSchema.safeParse({ code: 1, text: "€".repeat(86) }).success, false);
  assert.equal(peerAnswers.frame.safeParse({ acked: 1, credit: 33 }).success, false);
  assert.equal(peerAnswers.digest.safeParse({ differ: [999] }).success, false);
});
