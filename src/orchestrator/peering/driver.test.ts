// What the driver does beside the sessions themselves: who may become a peer, what is said to the operator, what a call that fails
// does, and how a node stops. The other end is a whole node, or a link in the test's hands.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Answer, Encoding, Frame, Notice, Open, PeerIntent } from "#routing";
import { linkTo, openOf } from "../../../test/kit/by-hand.ts";
import { A, B, C, GLOBEX, Network, pair } from "../../../test/kit/peer-network.ts";
import { ACCEPT_ALL, peering, PeerNode } from "../../../test/kit/peer-node.ts";
import { routeOf } from "../../../test/kit/routes.ts";
import { settle } from "../../../test/kit/virtual-clock.ts";
import type { PeerLink } from "./link.ts";
import { encodeFrame } from "./wire/frames.ts";

/** One node, and what it is told and asked by a peer that knocked; `some`: what that peer's side of the link does. */
async function knocked(some: Partial<PeerLink> = {}, encoding: Encoding = "identity") {
  const network = new Network();
  const node = await network.node(A);
  await node.rules({ imports: ACCEPT_ALL });
  const { address: _, ...terms } = peering(A, GLOBEX);
  await Promise.all([node.driver.configure(terms, undefined), settle()]);
  const closes: string[] = [];
  const words: Notice[] = [];
  const link = linkTo(GLOBEX, {
    close: (text) => void closes.push(text),
    notify: async (notice) => void words.push(notice),
    ...some,
  });
  const knock = (more: Partial<Open> = {}) => {
    const answers: Answer[] = [];
    const theirs = openOf(GLOBEX, { encodings: [encoding], ...more });
    const handler = node.driver.knock({ link, theirs, answer: (answer) => void answers.push(answer) });
    return { handler, answer: () => answers[0] };
  };
  const first = knock();
  assert.equal(first.answer()?.ok, true);
  await settle();
  const { handler } = first;
  const say = (seq: number, frame: Frame, routes: number) => {
    const { bytes, rawBytes } = encodeFrame(frame, "identity");
    return handler.frame({ seq, encoding: "identity", rawBytes, routes }, bytes);
  };
  const notAfter = network.net.clock.now() + 3_600_000;
  const route = (key: string) => routeOf(GLOBEX, { key, notAfter });
  return { network, node, handler, knock, say, route, closes, words };
}

const BEGIN = { kind: "begin", generation: 1, buckets: "all" } as const;
const update = (...advertise: readonly ReturnType<typeof routeOf>[]): Frame => ({
  kind: "update",
  withdraw: [],
  advertise,
});

describe("a peer", () => {
  test("that cannot be one is refused by the state, and known to nobody", async () => {
    const network = new Network();
    const node = await network.node(A);
    const wrong: PeerIntent = { ...peering(A, GLOBEX), role: "internal" };
    const { organization } = wrong;
    const refused = node.driver.configure(wrong, { node: GLOBEX, organization, trust: "", external: true });
    await Promise.all([
      assert.rejects(refused, {
        code: "ERR_INVALID_ARGUMENT",
        message: /is not external with role internal/,
      }),
      settle(),
    ]);
    assert.deepEqual([node.driver.held.peers, node.wire.knows(GLOBEX)], [0, false]);
    // A known one stays what it is.
    await node.peer(GLOBEX);
    await Promise.all([assert.rejects(node.driver.configure(wrong, undefined)), settle()]);
    assert.equal(node.driver.report(GLOBEX)?.session.intent.role, "lateral");
    assert.equal(node.wire.knows(GLOBEX), true);
  });

  test("is dialled when the node starts, not before", async () => {
    const network = new Network();
    await network.node(B).then((b) => b.peer(A, { holdMs: 9_000 }));
    const a = new PeerNode(network.net, A);
    await a.peer(B);
    await network.run(5_000);
    assert.deepEqual([a.state(B), network.net.links.size], ["idle", 0]);
    a.driver.start();
    await network.run(2_000);
    assert.equal(a.state(B), "synced");
  });

  test("is asked to tell everything again, where there is a session", async () => {
    const asked: unknown[] = [];
    const { node, handler } = await knocked({ refresh: async (buckets) => void asked.push(buckets) });
    assert.equal(node.driver.refresh(GLOBEX), true);
    assert.deepEqual(asked, ["all"]);
    handler.closed("gone");
    assert.deepEqual([node.driver.refresh(GLOBEX), node.driver.refresh("nobody.test")], [false, false]);
    assert.deepEqual(asked, ["all"]);
  });

  test("that is removed hears it, and is not believed when that is over; one that is added again is", async () => {
    const { network, a, b } = await pair();
    const removed = a.driver.remove(B, "no longer wanted");
    await network.run(500);
    assert.equal(await removed, a.loop.view.revision);
    assert.equal(a.wire.knows(B), true, "until last words are out");
    await network.run(1_500);
    assert.deepEqual([a.wire.knows(B), network.net.links.size], [false, 0]);
    assert.match(b.driver.report(A)?.session.last?.text ?? "", /no longer wanted/);
    await a.peer(B);
    await Promise.all([a.driver.remove(B, "a mistake"), settle()]);
    await a.peer(B);
    await network.run(61_000);
    assert.deepEqual([a.wire.knows(B), a.state(B)], [true, "synced"]);
    network.quiet();
  });

  test("that refuses a call loses its session, with the reason", async () => {
    const { node, network, words } = await knocked({
      frame: () => Promise.reject(new Error("not this one")),
    });
    await network.run(10);
    assert.deepEqual(words, [{ code: 15, text: "frame: not this one" }]);
    assert.deepEqual(node.driver.report(GLOBEX)?.session.phase.state, "idle");
  });

  test("whose table does not have the sum it tells is asked for it again", async () => {
    const asked: unknown[] = [];
    const { say } = await knocked({ refresh: async (buckets) => void asked.push(buckets) });
    await say(1, BEGIN, 0);
    await say(2, { kind: "end", generation: 1, count: 3, digest: "0".repeat(16) }, 0);
    assert.equal(asked.length, 1);
  });

  test("gets frames in the encoding that was agreed, small ones as they are", async () => {
    const heads: [Encoding, boolean][] = [];
    const frame: PeerLink["frame"] = async ({ seq, encoding, rawBytes }) => {
      heads.push([encoding, rawBytes > 1_200]);
      return { acked: seq, credit: 8 };
    };
    const { network, node } = await knocked({ frame }, "zstd");
    await node.rules({ exports: ACCEPT_ALL });
    await Promise.all(Array.from({ length: 200 }, (_, i) => node.offer(`s${i}`)));
    await network.run(10);
    assert.deepEqual(new Set(heads.map(String)), new Set(["zstd,true", "identity,false"]));
  });

  test("is told how far this side is, and what time it is here", async () => {
    const { node, handler, say } = await knocked();
    await say(1, BEGIN, 0);
    const { phase } = node.driver.report(GLOBEX)?.session ?? assert.fail();
    assert.ok(phase.state === "established" && phase.sentSeq > 0);
    assert.deepEqual(handler.alive({ sentSeq: 1, receivedSeq: 0, clockMs: 0 }), {
      sentSeq: phase.sentSeq,
      receivedSeq: 1,
      clockMs: node.driver.now,
    });
  });
});

test("the operator hears of each session that came and went, and of a loss as a warning", async () => {
  const { network, a, b } = await pair();
  const heard = (node: PeerNode) => node.said.splice(0);
  assert.deepEqual(heard(b).slice(-2), [
    "info peer.up: the session is up",
    "info peer.synced: both sides know all routes of the other",
  ]);
  network.net.cut(A, B);
  await settle();
  assert.deepEqual(heard(b), ["warn peer.down: the session ended: connection reset"]);
  await network.run(4_000);
  assert.equal(b.state(A), "synced");
  heard(b);
  // It takes the place of its own session: nothing is lost by that.
  await a.kill();
  network.net.stall(A);
  const again = await network.node(A);
  await again.peer(B);
  await network.run(3_000);
  assert.equal(b.state(A), "synced");
  heard(b);
  const down = again.peer(B, { adminDown: { reason: "maintenance" } });
  await network.run(1_500);
  await down;
  assert.deepEqual(heard(b)[0], "warn peer.down: the session ended: maintenance");
  assert.deepEqual(heard(again).slice(-1), ["warn peer.down: the session ended: maintenance"]);
});

test("a session that another one replaces is no warning, and a refusal that takes the routes along is told", async () => {
  const { node, knock } = await knocked();
  assert.equal(knock({ incarnation: "two" }).answer()?.ok, true);
  assert.match(node.said.join("\n"), /^info peer\.down: .*superseded/m);
  const { network, a, b } = await pair();
  network.net.stall(A);
  const down = a.peer(B, { adminDown: { reason: "maintenance" } });
  await network.run(1_000);
  await down;
  await a.offer("products");
  network.net.cut(A, B);
  await network.run(4_000);
  assert.match(b.said.join("\n"), /^info peer\.gone: maintenance$/m);
});

test("a limit is said when it comes near and when it is passed, and is none any more below it", async () => {
  const limits = { routes: 10, rate: 1_000, bytes: 1 << 20, pathLength: 16 };
  const { network, a, b } = await pair(A, B, { limits });
  const said = () => b.said.filter((text) => text.includes("peer.limit")).length;
  for (let at = 0; at < 10; at++) {
    await a.offer(`s${at}`);
    await network.run(50);
  }
  assert.deepEqual([b.driver.limit(A)?.state, said()], ["near", 1]);
  for (let at = 0; at < 5; at++) await a.drop(`s${at}`);
  await network.run(50);
  assert.deepEqual([b.driver.limit(A), said()], [undefined, 1]);
});

describe("a node that stops", () => {
  test("says when to come back, and lets last words arrive before it is over", async () => {
    const said: Notice[] = [];
    const { promise, resolve: arrive } = Promise.withResolvers<void>();
    const notify: PeerLink["notify"] = (notice) => {
      said.push(notice);
      return promise;
    };
    const { network, node, closes } = await knocked({ notify });
    let over = false;
    const stopped = node.driver.stop().then(() => (over = true));
    await network.run(700);
    assert.deepEqual(said, [{ code: 12, text: "this node is stopping", afterMs: 1_000 }]);
    assert.deepEqual([over, closes.length], [false, 0]);
    arrive();
    await stopped;
    assert.equal(closes.length, 1);
    assert.deepEqual(network.net.clock.waiting, [], "nothing keeps the process");
  });

  test("waits a second and no longer for those who take no last words", async () => {
    const { network, node } = await knocked({ notify: () => new Promise(() => {}) });
    let over = false;
    const stopped = node.driver.stop().then(() => (over = true));
    // Before it, peers had time to use other ways.
    await network.run(1_000);
    assert.equal(over, false);
    await network.run(700);
    assert.equal(over, true);
    await stopped;
  });

  test("sends away who knocks meanwhile, also a peer that it knows only since", async () => {
    const { network, node, knock } = await knocked();
    const stopped = node.driver.stop();
    const away = { ok: false, notice: { code: 12, text: "this node is stopping", afterMs: 1_000 } };
    assert.deepEqual(knock({ incarnation: "two" }).answer(), away);
    await node.peer(C);
    const answers: Answer[] = [];
    const theirs = openOf(C, { role: "internal" });
    node.driver.knock({ link: linkTo(C), theirs, answer: (answer) => void answers.push(answer) });
    assert.deepEqual(answers, [away]);
    await network.run(2_000);
    await stopped;
    assert.deepEqual([node.driver.held.connections, network.net.links.size], [0, 0], "nor does it dial");
  });

  test("is over when what peers told is in the state", async () => {
    const { node, handler, say, route } = await knocked();
    await say(1, BEGIN, 0);
    const last = assert.rejects(say(2, update(route("a.globex.test")), 1), /gone/);
    handler.closed("gone");
    await node.driver.stop();
    await last;
    assert.deepEqual(node.best("a.globex.test"), [GLOBEX]);
  });

  test("lets go of a peer whose words it can no longer take", async () => {
    const { node, say, route, closes } = await knocked();
    await say(1, BEGIN, 0);
    await node.loop.stop();
    await assert.rejects(say(2, update(route("a.globex.test")), 1), /this node is stopping/);
    assert.deepEqual(closes, ["this node is stopping"]);
  });
});
