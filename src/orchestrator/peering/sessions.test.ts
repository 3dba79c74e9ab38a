// Sessions of whole nodes over links in memory: each scenario failed once in some system of this kind (docs/internals/session.md
// section 10).

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { A, B, C, clique, GLOBEX, KEY, Network, pair } from "../../../test/kit/peer-network.ts";
import { ACCEPT_ALL, peering } from "../../../test/kit/peer-node.ts";
import { peerRecord } from "../admin/peer-record.ts";

describe("a session", () => {
  test("comes up, tells, and takes back; what the origin takes back is buried", async () => {
    const { network, a, b } = await pair();
    assert.deepEqual([a.state(B), b.state(A)], ["synced", "synced"]);
    await a.offer("products");
    await network.run(100);
    assert.deepEqual(b.best(KEY), [A]);
    await a.drop("products");
    await network.run(100);
    assert.equal(b.best(KEY), undefined);
    assert.ok(b.loop.view.routes.tombstones.get(KEY, A));
    network.quiet();
  });

  test("session-break-redial: a link that breaks in mid-life is dialled again, and both ends agree", async () => {
    const { network, a, b } = await pair();
    for (let round = 0; round < 3; round++) {
      network.net.cut(A, B);
      await a.offer(`s${round}`);
      await network.run(4_000);
      assert.deepEqual([a.state(B), b.state(A)], ["synced", "synced"]);
      assert.deepEqual(b.best(`s${round}.acme.test`), [A]);
    }
    assert.equal(a.driver.report(B)?.repairs, 0);
    network.quiet();
  });

  test("create-order-race: a node that is told of its peer later is found", async () => {
    const network = new Network();
    const [a, b] = [await network.node(A), await network.node(B)];
    await a.peer(B);
    await network.run(20_000);
    assert.notEqual(a.state(B), "synced");
    await b.peer(A);
    await network.run(2_000);
    assert.deepEqual([a.state(B), b.state(A)], ["synced", "synced"]);
  });

  test("hold-is-negotiated: both sides use the smaller one, and silence ends the session by it", async () => {
    const network = new Network();
    const [a, b] = [await network.node(A), await network.node(B)];
    await a.peer(B, { holdMs: 2_000 });
    await b.peer(A, { holdMs: 60_000 });
    await network.run(2_000);
    for (const report of [a.driver.report(B), b.driver.report(A)]) {
      assert.ok(report?.session.phase.state === "established");
      assert.equal(report.session.phase.agreed.holdMs, 2_000);
    }
    network.net.stall(A);
    await network.run(2_500);
    assert.match(b.said.join(), /nothing heard for 2000 ms/);
  });

  test("reconnect-false-loop: a new life of a peer takes the place of the old one at once", async () => {
    const { network, a, b } = await pair();
    await a.offer("products");
    await network.run(100);
    // It dies without a word, and the others do not hear of it.
    network.net.stall(A);
    await a.kill();
    const again = await network.node(A);
    await again.offer("products");
    await again.peer(B);
    await network.run(3_000);
    assert.deepEqual([again.state(B), b.state(A), b.best(KEY)], ["synced", "synced", [A]]);
  });

  test("sigterm-with-clients: a node that stops says so, within seconds, and its routes stay for its return", async () => {
    const { network, a, b } = await pair();
    await a.offer("products");
    await network.run(100);
    let stopped = false;
    const stop = a.driver.stop().then(() => (stopped = true));
    await network.run(2_000);
    await stop;
    assert.equal(stopped, true);
    assert.equal(b.driver.report(A)?.session.last?.code, 12);
    assert.deepEqual(b.best(KEY), [A]);
    assert.equal(b.driver.report(A)?.stale, "stale");
  });

  test("a peering that is taken down takes its routes along at once, on both sides", async () => {
    const { network, a, b } = await pair();
    await a.offer("products");
    await network.run(100);
    const down = a.peer(B, { adminDown: { reason: "maintenance" } });
    await network.run(1_500);
    await down;
    assert.equal(b.best(KEY), undefined);
    assert.match(b.driver.report(A)?.session.last?.text ?? "", /maintenance/);
    await a.peer(B);
    await network.run(61_000);
    assert.deepEqual(b.best(KEY), [A]);
  });
});

describe("routes", () => {
  test("both-ends-write-at-once: a thousand both ways, while both go on writing", async () => {
    const { network, a, b } = await pair();
    for (let round = 0; round < 4; round++) {
      for (let at = 0; at < 250; at++) {
        void a.offer(`a${round}x${at}`);
        void b.offer(`b${round}x${at}`);
      }
      await network.run(50);
    }
    for (let second = 0; second < 120; second++) {
      const labels = { second: String(second) };
      for (let at = 0; at < 8; at++) {
        void a.offer(`a${second % 4}x${at}`, { labels });
        void b.offer(`b${second % 4}x${at}`, { labels });
      }
      await network.run(1_000);
      assert.deepEqual([a.state(B), b.state(A)], ["synced", "synced"], `second ${second}`);
    }
    await network.run(1_000);
    for (const [node, short] of [
      [b, "a3x0"],
      [a, "b3x7"],
    ] as const) {
      assert.deepEqual(node.loop.view.routes.best(`${short}.acme.test`)?.[0]?.attributes.labels, {
        second: "119",
      });
    }
    assert.equal(b.loop.view.routes.received(A)?.size, 1_000);
    assert.equal(a.loop.view.routes.received(B)?.size, 1_000);
    assert.deepEqual([a.driver.report(B)?.repairs, b.driver.report(A)?.repairs], [0, 0]);
    network.quiet();
  });

  test("triangle-first-route: the first route of a cycle arrives everywhere, and nothing goes round", async () => {
    const { network, nodes } = await clique(A, B, C);
    const [a, b, c] = nodes;
    await a?.offer("products");
    await network.run(200);
    assert.deepEqual([b?.best(KEY)?.[0], c?.best(KEY)?.[0]], [A, A]);
    const { frames } = network.net;
    await network.run(5_000);
    assert.equal(network.net.frames, frames);
  });

  test("write-across-keepalive: changes at every node across keepalives arrive, and no session is lost", async () => {
    const { network, nodes } = await clique(A, B, C);
    for (let round = 0; round < 240; round++) {
      const labels = { round: String(round) };
      for (const node of nodes) await node.offer(`${node.name.slice(0, 1)}${round % 40}`, { labels });
      await network.run(500);
    }
    for (const node of nodes) {
      for (const other of nodes) if (other !== node) assert.equal(node.state(other.name), "synced");
      assert.equal(node.loop.view.routes.names, 120);
      for (const key of node.loop.view.routes.keys()) {
        const [path] = node.loop.view.routes.best(key) ?? [];
        const last = 200 + Number(key.slice(1, key.indexOf(".")));
        assert.deepEqual(path?.attributes.labels, { round: String(last) });
      }
    }
    network.quiet();
  });

  test("alternate-takes-over: without the best path the held one is used at once", async () => {
    const { network, nodes } = await clique(A, B, C);
    const [a, b, c] = nodes;
    await b?.offer("products");
    await c?.offer("products");
    await network.run(200);
    assert.deepEqual(a?.best(KEY)?.slice(0, 2), [B, C]);
    await b?.drop("products");
    await network.run(10);
    assert.equal(a?.best(KEY)?.[0], C);
  });

  test("withdraw-by-non-best: what one peer takes back is no other's path", async () => {
    const { network, nodes } = await clique(A, B, C);
    const [a, b, c] = nodes;
    await b?.offer("products");
    await c?.offer("products");
    await network.run(200);
    await c?.drop("products");
    await network.run(200);
    assert.deepEqual(a?.best(KEY)?.[0], B);
    assert.deepEqual(b?.best(KEY)?.length, 1);
  });

  test("attribute-change-travels, next-hop-port-kept: a change of equal length reaches all, each names its own Envoy", async () => {
    const network = new Network();
    const [a, b, c] = [await network.node(A), await network.node(B), await network.node(C)];
    await network.join(a, b);
    await network.join(b, c);
    await a.offer("products", { labels: { version: "1" } });
    await network.run(2_000);
    const seen = () => c.loop.view.routes.best(KEY)?.[0];
    assert.deepEqual([seen()?.course.nodePath, seen()?.attributes.labels], [[B, A], { version: "1" }]);
    assert.equal(seen()?.course.nextHopAddress, `${B}:10443`);
    assert.equal(b.loop.view.routes.best(KEY)?.[0]?.course.nextHopAddress, `${A}:10443`);
    await a.offer("products", { labels: { version: "2" } });
    await network.run(100);
    assert.deepEqual(seen()?.attributes.labels, { version: "2" });
  });

  test("same-name-two-organizations: one short name of two is two services", async () => {
    const network = new Network();
    const [a, globex] = [await network.node(A), await network.node(GLOBEX)];
    await network.join(a, globex);
    await a.offer("reviews");
    await globex.offer("reviews");
    await network.run(2_000);
    assert.equal(a.best("reviews.acme.test")?.[0], A);
    assert.equal(a.best("reviews.globex.test")?.[0], GLOBEX);
    assert.equal(globex.best("reviews.acme.test")?.[0], A);
    // An alias that is the name of an own service hides nothing and moves nothing.
    const alias = { match: { key: "reviews.globex.test" }, set: { alias: "reviews.acme.test" } };
    await a.rules({ imports: [{ ...alias, action: "accept" }, ...ACCEPT_ALL] });
    await network.run(2_000);
    assert.deepEqual(a.best("reviews.acme.test"), [A]);
    assert.deepEqual([a.best("reviews.globex.test"), globex.best("reviews.acme.test")], [[GLOBEX], [A]]);
  });

  test("missed-delete-survives: a withdrawal that was lost on the way is found by sums, and repaired", async () => {
    const { network, a, b } = await pair();
    await a.offer("products");
    await a.offer("stock");
    await network.run(1_000);
    const read = b.decode;
    b.decode = (head, bytes) => {
      const found = read(head, bytes);
      if (!found.ok || found.frame.kind !== "update") return found;
      return { ok: true, frame: { ...found.frame, withdraw: [] } };
    };
    await a.drop("products");
    await network.run(100);
    b.decode = read;
    assert.deepEqual([b.state(A), b.best(KEY)], ["synced", [A]], "nobody noticed");
    // 30 s, a fifth more or less.
    await network.run(37_000);
    assert.deepEqual([b.state(A), b.best(KEY), b.best("stock.acme.test")], ["synced", undefined, [A]]);
    assert.equal(b.driver.report(A)?.repairs, 1);
    network.quiet();
  });

  test("a service that is offered no more is taken back from direct peers alone", async () => {
    const network = new Network();
    const [a, b, globex] = [await network.node(A), await network.node(B), await network.node(GLOBEX)];
    await network.join(a, b);
    await network.join(a, globex);
    await a.offer("products");
    await network.run(2_000);
    assert.deepEqual([b.best(KEY), globex.best(KEY)], [[A], [A]]);
    await a.offer("products", { export: false });
    await network.run(200);
    assert.deepEqual([b.best(KEY), globex.best(KEY)], [[A], undefined]);
  });

  test("other export rules tell each peer the difference", async () => {
    const network = new Network();
    const [a, globex] = [await network.node(A), await network.node(GLOBEX)];
    await network.join(a, globex);
    await a.offer("products");
    await a.offer("stock", { export: false });
    await network.run(2_000);
    const exports = [
      { match: { key: KEY }, action: "reject" },
      { match: { key: "stock.*" }, action: "accept" },
    ] as const;
    await a.rules({ imports: ACCEPT_ALL, exports });
    await network.run(200);
    assert.deepEqual([globex.best(KEY), globex.best("stock.acme.test")], [undefined, [A]]);
    await a.rules({ imports: ACCEPT_ALL });
    await network.run(200);
    assert.deepEqual([globex.best(KEY), globex.best("stock.acme.test")], [[A], undefined]);
    assert.equal(globex.driver.report(A)?.repairs, 0);
  });
});

test("session-up-data-stale: what got lost on the way is found by the sums, named by status, and told again", async () => {
  const { network, a, b } = await pair();
  await a.offer("products");
  await a.offer("stock");
  await network.run(500);
  const { decode } = b;
  // A frame that says nothing any more, on a session that is up.
  b.decode = (head, bytes) => {
    const read = decode(head, bytes);
    if (!read.ok || read.frame.kind !== "update") return read;
    const advertise = read.frame.advertise.filter(({ key }) => !key.startsWith("late"));
    return { ok: true, frame: { kind: "update", advertise, withdraw: [] } };
  };
  await a.offer("late");
  await a.drop("stock");
  await network.run(500);
  const held = () => [b.best(KEY), b.best("late.acme.test"), b.best("stock.acme.test")];
  assert.deepEqual([b.state(A), held()], ["synced", [[A], undefined, [A]]]);
  const shown = () => {
    const state = {
      intent: peering(B, A),
      owner: { kind: "admin" },
      report: b.driver.report(A),
      limit: b.driver.limit(A),
      remote: undefined,
      certificateEnds: undefined,
    } as const;
    const received = b.loop.view.routes.received(A);
    const { session, freshness } = peerRecord(state, received, { used: 0, best: 0 }, b.driver.now);
    return [session.state, freshness.state, freshness.digestRepairs > 0];
  };
  // As long as it cannot be repaired the session stays up, and status says what that is worth.
  await network.run(200_000);
  assert.deepEqual(held(), [[A], undefined, undefined], "what is no more is swept, even so");
  assert.deepEqual(shown(), ["synced", "stale", true]);
  b.decode = decode;
  await network.run(37_000);
  assert.deepEqual(held(), [[A], [A], undefined]);
  await network.run(37_000);
  assert.deepEqual(shown(), ["synced", "fresh", true]);
  assert.equal(b.driver.report(A)?.session.flaps, 0);
  network.quiet();
});

describe("limits", () => {
  const few = { routes: 10, rate: 1_000, bytes: 1 << 20, pathLength: 16 };

  test("over-limit-at-edge: too many routes end that session alone, and it waits for the operator", async () => {
    const { network, a, b } = await pair(A, B);
    const c = await network.node(C);
    await network.join(b, c);
    await b.peer(A, { limits: few });
    await c.offer("stock");
    for (let at = 0; at < 9; at++) await a.offer(`s${at}`);
    await network.run(2_000);
    assert.match(b.said.join(), /near its limit: 9 of 10 routes/);
    for (let at = 9; at < 12; at++) await a.offer(`s${at}`);
    await network.run(3_000);
    const report = b.driver.report(A);
    assert.equal(report?.session.last?.code, 9);
    assert.deepEqual(report?.session.phase, { state: "idle", waits: "operator" });
    assert.deepEqual([b.state(C), b.best("stock.acme.test")], ["synced", [C]]);
    // Nobody but the operator brings it back, and not against the limit.
    await network.run(300_000);
    assert.equal(b.state(A), "idle");
    await b.peer(A, { limits: few });
    await network.run(3_000);
    assert.deepEqual([b.state(A), b.driver.report(A)?.session.flaps], ["idle", 2]);
    await b.peer(A, { limits: { ...few, routes: 20 } });
    await network.run(61_000);
    assert.deepEqual([b.state(A), b.best("s11.acme.test")], ["synced", [A]]);
    network.quiet();
  });

  test("bytes count as well", async () => {
    const { network, a, b } = await pair(A, B, { limits: { ...few, routes: 1_000, bytes: 4_000 } });
    const labels = { note: "x".repeat(250) };
    let at = 0;
    while (b.driver.limit(A) === undefined) {
      await a.offer(`s${at++}`, { labels });
      await network.run(50);
    }
    assert.equal(b.driver.limit(A)?.state, "near");
    assert.match(b.said.join(), /near its limit: \d+ of 4000 bytes/);
    assert.equal(b.state(A), "synced");
    for (; at < 12; at++) await a.offer(`s${at}`, { labels });
    await network.run(2_000);
    const ended = () => {
      const { phase, last, flaps } = b.driver.report(A)?.session ?? assert.fail();
      assert.deepEqual(phase, { state: "idle", waits: "operator" });
      assert.equal(last?.code, 9);
      assert.match(last?.text ?? "", /bytes/);
      return flaps;
    };
    assert.equal(ended(), 1);
    await b.peer(A, { limits: { ...few, routes: 1_000, bytes: 4_000 } });
    await network.run(61_000);
    assert.ok(ended() > 1);
  });

  test("over-limit-at-edge: who tells too fast ends its session alone, and comes back by itself", async () => {
    const { network, a, b } = await pair(A, B, { limits: { ...few, rate: 2 } });
    const c = await network.node(C);
    await network.join(b, c);
    await network.run(2_000);
    // Two a second, for ten seconds; this is one more, and of one name.
    for (let at = 0; at < 21; at++) {
      assert.equal(b.state(A), "synced", `after ${at}`);
      await a.offer("products", { labels: { at: String(at) } });
      await network.run(10);
    }
    assert.equal(b.driver.report(A)?.session.last?.code, 10);
    assert.notEqual(b.state(A), "synced");
    await network.run(61_000);
    assert.deepEqual([b.state(A), b.state(C), b.driver.report(C)?.session.flaps], ["synced", "synced", 0]);
    assert.deepEqual(b.loop.view.routes.best(KEY)?.[0]?.attributes.labels, { at: "20" });
    assert.equal(b.driver.report(A)?.repairs, 0);
  });

  test("of peers that are removed nothing is kept", async () => {
    const network = new Network();
    const hub = await network.node("hub.acme.test");
    await hub.offer("products");
    const others = [];
    for (let at = 0; at < 20; at++) {
      const other = await network.node(`p.o${at}.test`);
      await other.offer(`s${at}`);
      await other.peer(hub.name);
      others.push(other);
    }
    const none = { peers: 0, connections: 0, told: 0, limits: 0 };
    for (let round = 0; round < 10; round++) {
      for (const { name } of others) await hub.peer(name, { limits: { ...few, routes: 1 } });
      await network.run(61_000);
      assert.deepEqual(hub.driver.held, { peers: 20, connections: 20, told: 20, limits: 20 });
      for (const { name } of others) void hub.driver.remove(name, "test");
      await network.run(2_000);
      assert.deepEqual(hub.driver.held, none);
    }
    assert.equal(hub.loop.view.routes.names, 1);
    assert.deepEqual(
      [...hub.loop.view.routes.peers()].filter(({ terms }) => terms.local !== true),
      [],
    );
    await network.run(5_000);
    assert.equal(network.net.links.size, 0);
    network.quiet();
  });

  test("slow-peer-stopped: who acknowledges nothing ends, the others go on meanwhile", async () => {
    const { network, nodes } = await clique(A, B, C);
    const [a, b] = nodes;
    network.net.stall(C);
    for (let at = 0; at < 50; at++) await a?.offer(`s${at}`);
    await network.run(1_000);
    assert.equal(b?.loop.view.routes.received(A)?.size, 50);
    await network.run(9_000);
    assert.equal(b?.state(A), "synced");
    assert.match(a?.said.join() ?? "", /nothing heard for 9000 ms/);
  });
});
