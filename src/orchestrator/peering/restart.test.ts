// Sessions of whole nodes over links in memory, of nodes that end and begin again: each scenario failed once in some
// system of this kind (docs/internals/session.md section 10).

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { peering } from "../../../test/kit/peer-node.ts";
import { settle } from "../../../test/kit/virtual-clock.ts";
import { A, B, C, clique, KEY, Network, remembered } from "../../../test/kit/peer-network.ts";

function folder(t: { after(run: () => void): void }): string {
  const made = mkdtempSync(join(tmpdir(), "catalyst-sessions-"));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

async function told(t: TestContext) {
  const file = join(folder(t), "learned.db");
  return { ...(await remembered(B, file)), file };
}

describe("a restart", () => {
  test("restart-with-dead-remote: what was learned is served at once, as stale, with every peer dead", async (t) => {
    const file = join(folder(t), "learned.db");
    const network = new Network();
    const [a, b] = [await network.node(A), await network.node(B, file)];
    await network.join(a, b);
    for (let at = 0; at < 20; at++) await a.offer(`s${at}`);
    await network.run(2_000);
    await a.drop("s3");
    await network.run(2_000);
    await b.kill();
    await a.kill();
    const again = await network.node(B, file);
    await again.peer(A);
    assert.deepEqual([again.best("s1.acme.test"), again.best("s3.acme.test")], [[A], undefined]);
    assert.equal(again.loop.view.routes.path(A, "s1.acme.test")?.stale, true);
    assert.equal(again.driver.report(A)?.stale, "stale");
  });

  test("a restarted node goes on where its peer's words stood, and is told nothing twice", async (t) => {
    const file = join(folder(t), "learned.db");
    const network = new Network();
    const [a, b] = [await network.node(A), await network.node(B, file)];
    await network.join(a, b);
    for (let at = 0; at < 20; at++) await a.offer(`s${at}`);
    await network.run(2_000);
    await b.kill();
    await a.offer("later");
    const { frames } = network.net;
    const again = await network.node(B, file);
    await again.peer(A);
    await network.run(3_000);
    assert.deepEqual([again.state(A), again.best("later.acme.test")], ["synced", [A]]);
    assert.equal(again.loop.view.routes.path(A, "s1.acme.test")?.stale, false);
    assert.equal(again.driver.report(A)?.repairs, 0);
    // What came since and an end mark; of the restarted side, which knows nothing but what it was told, begin and end.
    assert.equal(network.net.frames - frames, 4);
  });

  test("missed-delete-survives: what went while this node was away goes with the end mark", async (t) => {
    const file = join(folder(t), "learned.db");
    const network = new Network();
    const [a, b] = [await network.node(A), await network.node(B, file)];
    await network.join(a, b);
    await a.offer("products");
    await a.offer("stock");
    await network.run(2_000);
    await b.kill();
    await a.kill();
    const other = await network.node(A);
    await other.offer("stock");
    await other.peer(B);
    const again = await network.node(B, file);
    await again.peer(A);
    assert.deepEqual(again.best(KEY), [A]);
    await network.run(3_000);
    assert.deepEqual([again.best(KEY), again.best("stock.acme.test")], [undefined, [A]]);
  });

  test("a node that lost its memory does not take from its peers what it is about to learn again", async () => {
    const network = new Network();
    const [a, b, c] = [await network.node(A), await network.node(B), await network.node(C)];
    await network.join(a, b);
    await network.join(b, c);
    await a.offer("products");
    await a.offer("stock");
    await network.run(2_000);
    assert.deepEqual(c.best(KEY), [B]);
    await b.kill();
    await a.drop("stock");
    const again = await network.node(B);
    await again.peer(C);
    // The first to be heard is the one that must not be told too early.
    await again.peer(A, { address: `${A}:1` });
    for (let at = 0; at < 100; at++) {
      await network.run(50);
      assert.deepEqual(c.best(KEY), [B], `after ${at * 50} ms`);
    }
    assert.equal(c.loop.view.routes.path(B, KEY)?.stale, false);
    assert.equal(c.best("stock.acme.test"), undefined);
    assert.deepEqual([again.state(A), again.state(C), c.state(B)], ["synced", "synced", "synced"]);
    network.quiet();
  });

  test("restart-with-dead-remote: it waits for one that does not come, half a minute at most, and loses no session", async () => {
    const network = new Network();
    const [a, b, c] = [await network.node(A), await network.node(B), await network.node(C)];
    await network.join(a, b);
    await network.join(b, c);
    await a.offer("products");
    await network.run(2_000);
    await b.kill();
    await a.kill();
    const again = await network.node(B);
    await again.offer("reviews");
    await again.peer(C);
    const { address: _, ...silent } = peering(B, A);
    await Promise.all([again.driver.configure(silent, undefined), settle()]);
    await network.run(20_000);
    assert.deepEqual([c.best(KEY), c.best("reviews.acme.test")], [[B], [B]]);
    assert.equal(c.loop.view.routes.path(B, KEY)?.stale, true);
    await network.run(10_000);
    assert.deepEqual([c.best(KEY), c.best("reviews.acme.test")], [undefined, [B]]);
    assert.deepEqual(
      [again.state(C), c.state(B), c.driver.report(B)?.session.flaps],
      ["synced", "synced", 1],
    );
  });

  test("restart-with-dead-remote: where nobody answers nothing is waited for", async () => {
    const network = new Network();
    const [b, c] = [await network.node(B), await network.node(C)];
    await network.join(b, c);
    await b.peer(A);
    await network.run(6_000);
    assert.deepEqual([b.state(C), c.state(B)], ["synced", "synced"]);
  });

  test("nodes that start together do not wait for each other", async () => {
    const { network, nodes } = await clique(A, B, C);
    await network.run(1_500);
    for (const node of nodes) {
      for (const other of nodes) if (other !== node) assert.equal(node.state(other.name), "synced");
    }
  });

  test("of a peering that was taken down or removed nothing comes back", async (t) => {
    const { network, a, b, file } = await told(t);
    await b.kill();
    await a.kill();
    const down = await network.node(B, file);
    await down.peer(A, { adminDown: { reason: "maintenance" } });
    assert.equal(down.best(KEY), undefined);
    await down.peer(A);
    assert.equal(down.best(KEY), undefined);
    await down.driver.remove(A, "test");
    await down.kill();
    const again = await network.node(B, file);
    await again.peer(A);
    assert.equal(again.best(KEY), undefined);
    // Whom nobody configured is told so.
    const answers: boolean[] = [];
    const link = { node: C, close() {} } as unknown as Parameters<typeof again.driver.knock>[0]["link"];
    const theirs = { node: C } as Parameters<typeof again.driver.knock>[0]["theirs"];
    again.driver.knock({ link, theirs, answer: ({ ok }) => void answers.push(ok) });
    assert.deepEqual([answers, again.driver.held.connections], [[false], 0]);
  });

  test("of a peering that was removed and made anew at once nothing comes back, nor is it taken twice", async (t) => {
    const { network, a, b } = await told(t);
    await a.kill();
    // Other terms are no new peer: what is held is not read again.
    await network.run(2_000);
    assert.equal(b.loop.view.routes.path(A, KEY)?.stale, true);
    const taken: string[] = [];
    b.loop.watch(({ events }) => void taken.push(...events.map(({ kind }) => kind)));
    await b.peer(A, { holdMs: 5_000 });
    assert.deepEqual(taken, ["peer.set"]);
    await Promise.all([b.driver.remove(A, "test"), settle()]);
    await b.peer(A);
    assert.equal(b.best(KEY), undefined);
  });

  test("`onLoss: withdraw`: without a session nothing is used, after a restart too", async (t) => {
    const { network, a, b, file } = await told(t);
    await b.kill();
    await a.kill();
    const again = await network.node(B, file);
    await again.peer(A, { onLoss: "withdraw" });
    assert.equal(again.best(KEY), undefined);
  });

  test("a table of many slices is whole when its peer is configured", async (t) => {
    const file = join(folder(t), "learned.db");
    const network = new Network();
    const [a, b] = [await network.node(A), await network.node(B, file)];
    await network.join(a, b);
    for (let at = 0; at < 1_100; at++) await a.offer(`s${at}`);
    await network.run(5_000);
    await b.kill();
    await a.kill();
    const again = await network.node(B, file);
    await again.driver.configure(peering(B, A), undefined);
    assert.equal(again.loop.view.routes.received(A)?.size, 1_100);
    assert.equal(again.loop.view.routes.path(A, "s1099.acme.test")?.stale, true);
  });

  test("a cache that is damaged is thrown away, and told anew", async (t) => {
    const file = join(folder(t), "learned.db");
    writeFileSync(file, "no database".repeat(1_000));
    const network = new Network();
    const [a, b] = [await network.node(A), await network.node(B, file)];
    await network.join(a, b);
    await a.offer("products");
    await network.run(2_000);
    assert.deepEqual(b.best(KEY), [A]);
    await b.kill();
    const again = await network.node(B, file);
    await again.peer(A);
    assert.deepEqual(again.best(KEY), [A]);
  });
});
