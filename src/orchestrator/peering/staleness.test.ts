// How long what a peer told is kept without it: `onLoss` decides what becomes of it at once, and its age has an end, whatever else
// happens meanwhile. Scenario `stale-kept-for-ever`, section 7 of docs/internals/session.md.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { A, B, C, clique, GLOBEX, KEY, Network, pair, remembered } from "../../../test/kit/peer-network.ts";
import { peering, type PeerNode } from "../../../test/kit/peer-node.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** How a node holds the service of another: which age its path has, which place among the others. */
const held = (node: PeerNode, of = A, key = KEY) => {
  const path = node.loop.view.routes.path(of, key);
  if (path === undefined) return "gone";
  return ["fresh", "stale", "last resort"][path.staleness];
};

async function told(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "catalyst-stale-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "learned.db");
  return { ...(await remembered(GLOBEX, file)), file };
}

describe("stale-kept-for-ever", () => {
  test("of a peer of the own organization that never comes back: stale, last resort, gone after a day", async () => {
    const { network, a, b } = await pair();
    await a.offer("products");
    await network.run(1_000);
    assert.equal(held(b), "fresh");
    await a.kill();
    await network.run(10_000);
    assert.deepEqual([held(b), b.best(KEY)], ["stale", [A]]);
    await network.run(2 * MINUTE);
    assert.deepEqual([held(b), b.best(KEY)], ["last resort", [A]]);
    network.net.clock.jump(23 * HOUR);
    await network.run(10 * MINUTE);
    assert.equal(held(b), "last resort");
    await network.run(HOUR);
    assert.deepEqual([held(b), b.best(KEY), b.driver.report(A)?.routes], ["gone", undefined, 0]);
    network.quiet();
  });

  test("of another organization: gone after an hour", async () => {
    const { network, a, b } = await pair(A, GLOBEX);
    await a.offer("products");
    await network.run(1_000);
    await a.kill();
    await network.run(55 * MINUTE);
    assert.equal(held(b), "last resort");
    await network.run(10 * MINUTE);
    assert.deepEqual([held(b), b.best(KEY)], ["gone", undefined]);
  });

  test("`onLoss: withdraw`: gone with the session, and nobody else is told of it longer", async () => {
    const network = new Network();
    const [a, b, c] = [await network.node(A), await network.node(B), await network.node(C)];
    await network.join(a, b, { onLoss: "withdraw" });
    await network.join(b, c);
    await a.offer("products");
    await network.run(2_000);
    assert.deepEqual([held(b), held(c, B)], ["fresh", "fresh"]);
    await a.kill();
    await network.run(1_000);
    assert.deepEqual([held(b), held(c, B), c.best(KEY)], ["gone", "gone", undefined]);
  });

  test("a fresh path of another is preferred at once, and stays when the stale one goes", async () => {
    const { network, nodes } = await clique(A, B, GLOBEX);
    const [a, b, c] = nodes;
    assert.ok(a !== undefined && b !== undefined && c !== undefined);
    await a.offer("products");
    await b.offer("products");
    await network.run(1_000);
    assert.equal(c.best(KEY)?.[0], A);
    await a.kill();
    await network.run(10_000);
    assert.deepEqual(c.best(KEY), [B, A]);
    await network.run(65 * MINUTE);
    assert.deepEqual([c.best(KEY), c.state(B)], [[B], "synced"]);
  });

  test("a peer that comes and goes without a word does not make its routes younger", async () => {
    const { network, a, b } = await pair(A, GLOBEX);
    await a.offer("products");
    await network.run(1_000);
    await a.kill();
    // Others of that name begin to tell, and never come to the end.
    const read = b.decode;
    b.decode = (head, bytes) => {
      const found = read(head, bytes);
      return found.ok && found.frame.kind !== "begin" ? { ok: false, reason: "not understood" } : found;
    };
    for (let round = 0; round < 14; round++) {
      const other = await network.node(A);
      await other.peer(GLOBEX);
      await network.run(5_000);
      await other.kill();
      await network.run(5 * MINUTE);
    }
    assert.equal(held(b), "gone");
  });

  test("of a peer that is only waited for: gone after its time, although nothing else happens", async (t) => {
    const { network, a, b, file } = await told(t);
    await b.kill();
    await a.kill();
    const again = await network.node(GLOBEX, file);
    const { address: _, ...waits } = peering(GLOBEX, A);
    await again.driver.configure(waits, undefined);
    assert.equal(held(again), "stale");
    await network.run(HOUR + 5 * MINUTE);
    assert.equal(held(again), "gone");
  });

  test("a node that starts again and again does not make them younger", async (t) => {
    const { network, a, b, file } = await told(t);
    await a.kill();
    await network.run(5 * MINUTE);
    let last = b;
    for (let at = 0; at < 5; at++) {
      await last.kill();
      last = await network.node(GLOBEX, file);
      await last.peer(A);
      await network.run(10 * MINUTE);
      assert.equal(held(last), "last resort");
    }
    await last.kill();
    last = await network.node(GLOBEX, file);
    await last.peer(A);
    await network.run(10 * MINUTE);
    assert.equal(held(last), "gone");
    await last.kill();
    const empty = await network.node(GLOBEX, file);
    await empty.peer(A);
    assert.equal(held(empty), "gone");
    network.quiet();
  });
});
