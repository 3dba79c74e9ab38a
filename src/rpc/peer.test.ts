import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { routeOf, SELF } from "../../test/kit/routes.ts";
import { detailsOf, type Frame, type Route, RouteParser } from "#routing";
import { PEER_LIMITS } from "./peer.ts";
import { sayFrame } from "./peer-frame.ts";
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
/** As it is and as it is said; `advertise`: other claims beside. */
const update = (...routes: readonly Route[]): Frame => ({ kind: "update", withdraw: [], advertise: routes });
function said(routes: readonly Route[], ...advertise: readonly unknown[]) {
  const frame = sayFrame(update(...routes));
  assert.ok(frame.kind === "update");
  return { ...frame, advertise: [...frame.advertise, ...advertise] };
}

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
    assert.deepEqual(readFrame(said([route]), head), { ok: true, frame: update(route) });
  });

  test("what routes have in common is said once", () => {
    const [labels, other] = [{ a: "1" }, { a: "2" }].map((one) => detailsOf({ labels: one }));
    const routes = [
      route,
      { ...route, key: "b.acme.test", version: { epoch: 1, seq: 9 }, notAfter: route.notAfter - 5 },
      { ...route, key: "c.acme.test", details: labels ?? "" },
      { ...route, key: "d.acme.test", details: other ?? "", health: "down" as const },
      {
        ...route,
        key: "e.acme.test",
        details: labels ?? "",
        localPreference: 7,
        onlyToCustomer: "acme.test",
      },
    ];
    const frame = said(routes);
    assert.deepEqual([frame.ways.length, frame.details.length], [3, 3]);
    const plain: unknown = JSON.parse(JSON.stringify(frame));
    assert.deepEqual(readFrame(plain, { routes: 5 }), { ok: true, frame: update(...routes) });
  });

  test("every member of a way keeps routes apart", () => {
    const others: readonly Partial<Route>[] = [
      { protocol: "tcp" },
      { origin: "edge2.acme.test" },
      { version: { epoch: 2, seq: 1 } },
      { orgPath: ["globex.test"] },
      { nodePath: [SELF.node, "edge2.acme.test"] },
      { nextHop: "edge2.acme.test" },
      { nextHopAddress: "x:1" },
      { scope: "direct" },
      { onlyToCustomer: "globex.test" },
      { cost: 1 },
      { localPreference: 1 },
      { health: "down" },
    ];
    for (const some of others) {
      const routes = [route, { ...route, ...some, key: "b.acme.test" }, { ...route, key: "c.acme.test" }];
      assert.deepEqual(readFrame(said(routes), { routes: 3 }), { ok: true, frame: update(...routes) });
    }
  });

  test("bad-route-alone: a claim without a name is left out with its reason, the frame goes on", () => {
    for (const bad of [7, null, {}, [], [7, 0, 0, 1, 0], ["", 0, 0, 1, 0], ["x".repeat(513), 0, 0, 1, 0]]) {
      const read = readFrame(said([route], bad), { routes: 2 });
      assert.ok(read.ok && read.frame.kind === "update");
      assert.deepEqual(read.frame.advertise, [route]);
      assert.equal(read.frame.rejected?.length, 1);
    }
  });

  test("bad-route-alone: one that refers to nothing, or whose numbers are none, is a claim of its name", () => {
    const deep: unknown = JSON.parse(`${"[".repeat(40)}${"]".repeat(40)}`);
    const frame = { ...said([route]), details: ["[[],0,0,0,0]", 7] };
    const [way] = frame.ways;
    const ways = [way, { ...way, nodePath: deep }, 7, { ...way, "!must": 1 }];
    const wrong: readonly (readonly unknown[])[] = [
      [9, 0, 1, 0],
      ["length", 0, 1, 0],
      [0, 1, 1, 0],
      [0, -1, 1, 0],
      [1, 0, 1, 0],
      [2, 0, 1, 0],
    ];
    const numbers = [
      [0, 0, "1", 0],
      [0, 0, 1, null],
      [0, 0, 1],
    ];
    for (const bad of [...wrong, ...numbers, [3, 0, 1, 0]]) {
      const value = { ...frame, ways, advertise: [...frame.advertise, ["b.acme.test", ...bad]] };
      const read = readFrame(value, { routes: 2 });
      assert.ok(read.ok && read.frame.kind === "update");
      const [good, claim] = read.frame.advertise;
      assert.deepEqual(good, route);
      assert.equal(claim?.key, "b.acme.test");
      assert.equal(new RouteParser().parse(claim).ok, false, JSON.stringify(bad));
      if (wrong.includes(bad)) assert.deepEqual(claim, { key: "b.acme.test" });
    }
  });

  test("over-limit-at-edge: what is said once is no larger than if it were said as often as it is named", () => {
    const [way] = said([route]).ways;
    const named = Array.from({ length: 500 }, (_, at) => [`s${at}.acme.test`, 0, 0, at, 0]);
    const of = (ways: readonly unknown[], details: readonly unknown[]) =>
      readFrame({ kind: "update", withdraw: [], ways, details, advertise: named }, { routes: 500 });
    assert.ok(of([way], ["[[],0,0,0,0]"]).ok);
    assert.equal(of([way], ["x".repeat(1_000)]).ok, false);
    assert.equal(of([{ ...way, nodePath: Array(200).fill("") }], [""]).ok, false);
    assert.equal(of([{ ...way, later: { ["x".repeat(1_000)]: 1 } }], [""]).ok, false);
  });

  test("one with a wrong form, over a limit, or other than its head says, is none", () => {
    const many = Array.from({ length: PEER_LIMITS.frameRoutes + 1 }, () => route);
    const wrong: readonly (readonly [unknown, number])[] = [
      [7, 0],
      [{ kind: "later" }, 0],
      [said(many), many.length],
      [said([route]), 0],
      [{ ...said([route]), ways: 7 }, 1],
      [{ ...said([route]), details: undefined }, 1],
      [{ ...said([]), withdraw: [{ key: "a.acme.test" }] }, 1],
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
