// Sessions of whole nodes over links in memory, where one side lies: each scenario failed once in some system of this kind
// (docs/internals/session.md section 10).

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Frame, FrameHead, Notice, PeerIntent, Route } from "#routing";
import { hearing, linkTo, openOf } from "../../../test/kit/by-hand.ts";
import { A, B, GLOBEX, KEY, Network } from "../../../test/kit/peer-network.ts";
import { ACCEPT_ALL, peering } from "../../../test/kit/peer-node.ts";
import { routeOf } from "../../../test/kit/routes.ts";
import { settle } from "../../../test/kit/virtual-clock.ts";
import type { DialledLink } from "./link.ts";
import { encodeFrame } from "./wire/frames.ts";

describe("a peer that lies", () => {
  const accept = { imports: ACCEPT_ALL };

  /** Speaks for a node by hand. */
  async function liar(some: Partial<PeerIntent> = {}) {
    const network = new Network();
    const node = await network.node(A);
    const inside = await network.node(B);
    await network.join(node, inside);
    await node.rules(accept);
    // A node that has just started would wait for the end mark of the liar.
    await network.run(1_000);
    const wire = network.net.wire(GLOBEX);
    wire.setPeer({ node: A, organization: "acme.test", trust: "", external: true });
    const { address: _, ...terms } = peering(A, GLOBEX, some);
    const external = { node: GLOBEX, organization: "globex.test", trust: "", external: true };
    await Promise.all([node.driver.configure(terms, external), settle()]);
    const notices: Notice[] = [];
    const handler = hearing({ notify: (notice) => void notices.push(notice) });
    let link: DialledLink | undefined;
    void wire.dial(A, `${A}:7443`, handler).then((dialled) => (link = dialled));
    await network.run(10);
    void link?.open(openOf(GLOBEX));
    await network.run(10);
    let seq = 0;
    const answers: string[] = [];
    const send = async (head: FrameHead, bytes: Uint8Array) => {
      link?.frame(head, bytes).then(
        ({ acked }) => answers.push(`acked ${acked}`),
        (error: Error) => answers.push(error.message),
      );
      await network.run(20);
    };
    const say = async (frame: Frame, routes: number, at = (seq += 1)) => {
      const { bytes, rawBytes } = encodeFrame(frame, "identity");
      await send({ seq: at, encoding: "identity", rawBytes, routes }, bytes);
    };
    const tell = (...advertise: readonly Route[]) =>
      say({ kind: "update", withdraw: [], advertise }, advertise.length);
    await say({ kind: "begin", generation: 1, buckets: "all" }, 0);
    const notAfter = network.net.clock.now() + 3_600_000;
    const route = (key: string, rest: Partial<Route> = {}) => routeOf(GLOBEX, { key, notAfter, ...rest });
    return { network, node, inside, notices, answers, send, say, tell, route, raw: () => link };
  }

  test("origin-forged, withdraw-foreign: names and words of others change nothing, and are named", async () => {
    const { network, node, inside, say, tell, route, answers } = await liar();
    await inside.offer("products");
    await network.run(200);
    await tell(route(KEY), route("reviews.globex.test", { origin: "x.hooli.test" }), route("a.globex.test"));
    const withdraw = [{ key: KEY, version: { epoch: 9_999_999_999_999, seq: 9 }, tombstone: true as const }];
    await say({ kind: "update", withdraw, advertise: [] }, 1);
    assert.deepEqual([node.best(KEY), node.best("a.globex.test")], [[B], [GLOBEX]]);
    assert.deepEqual(
      node.loop.view.routes.received(GLOBEX)?.rejected.map(({ key, reason }) => [key, reason]),
      [
        [KEY, "origin-forged"],
        ["reviews.globex.test", "origin-forged"],
      ],
    );
    assert.deepEqual(answers, ["acked 1", "acked 2", "acked 3"]);
    network.quiet();
  });

  test("bad-route-alone, unknown-protocol: each is dropped with its reason, the session and the others go on", async () => {
    const { node, tell, route } = await liar();
    const smtp = { ...route("mail.globex.test"), protocol: "smtp" } as unknown as Route;
    const bad = { ...route("b.globex.test"), cost: -1 };
    await tell(smtp, bad, route(""), route("a.globex.test"));
    assert.deepEqual(node.best("a.globex.test"), [GLOBEX]);
    assert.deepEqual(
      node.loop.view.routes.received(GLOBEX)?.rejected.map(({ reason }) => reason),
      ["unknown-protocol", "malformed"],
    );
    assert.equal(node.driver.report(GLOBEX)?.session.phase.state, "established");
  });

  test("a frame out of order, or one that does not parse, ends that session alone, with its code", async () => {
    const early = await liar();
    await early.say({ kind: "update", withdraw: [], advertise: [] }, 0, 7);
    assert.deepEqual(
      early.notices.map(({ code }) => code),
      [7],
    );
    const broken = await liar();
    await broken.send({ seq: 2, encoding: "identity", rawBytes: 3, routes: 0 }, Buffer.from("{x}"));
    assert.deepEqual(
      broken.notices.map(({ code }) => code),
      [8],
    );
    assert.deepEqual(broken.answers, ["acked 1", "the session ended"]);
    assert.equal(broken.node.state(B), "synced");
    broken.network.quiet();
  });

  test("a frame is acknowledged when what it says is in the table, not before", async () => {
    const { node, route } = await liar();
    const knock = { link: linkTo(GLOBEX), theirs: openOf(GLOBEX, { incarnation: "two" }) };
    const handler = node.driver.knock({ ...knock, answer: (answer) => assert.equal(answer.ok, true) });
    const say = (seq: number, frame: Frame, routes: number) => {
      const { bytes, rawBytes } = encodeFrame(frame, "identity");
      return handler.frame({ seq, encoding: "identity", rawBytes, routes }, bytes);
    };
    await say(1, { kind: "begin", generation: 1, buckets: "all" }, 0);
    await say(2, { kind: "update", withdraw: [], advertise: [route("a.globex.test")] }, 1);
    assert.deepEqual(node.best("a.globex.test"), [GLOBEX]);
    // Nothing answers an unfinished frame but the end.
    handler.closed("gone");
    await assert.rejects(say(3, { kind: "update", withdraw: [], advertise: [] }, 0), /ended/);
  });

  test("a defect that one peer brings to light ends its connection alone", async () => {
    const { network, node, inside, tell, route } = await liar();
    // Stands for whatever nobody thought of.
    const broken = Object.defineProperty({}, "kind", { get: () => assert.fail("a defect") });
    const { decode } = node;
    node.decode = () => ({ ok: true, frame: broken as Frame });
    await tell(route("a.globex.test"));
    node.decode = decode;
    assert.match(node.errors.join(), /a session met a defect/);
    assert.equal(node.driver.report(GLOBEX)?.session.phase.state, "idle");
    await inside.offer("products");
    await network.run(200);
    assert.deepEqual([node.state(B), node.best(KEY)], ["synced", [B]]);
  });

  test("session-up-data-stale: sums that differ are found, and the buckets asked for again", async () => {
    const { network, node, raw, tell, route } = await liar();
    await tell(route("a.globex.test"));
    const buckets = Array.from({ length: 256 }, () => "0".repeat(16));
    let answer: unknown;
    void raw()
      ?.digest({ seq: 2, buckets })
      .then((found) => (answer = found));
    await network.run(20);
    assert.equal((answer as { differ: number[] }).differ.length, 1);
    assert.equal(node.driver.report(GLOBEX)?.repairs, 1);
  });
});
