// Sessions of whole nodes over links in memory, of nodes that end and begin again: each scenario failed once in some
// system of this kind (peering.md section 12).

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { A, B, KEY, Network } from "../../../test/kit/peer-network.ts";

function folder(t: { after(run: () => void): void }): string {
  const made = mkdtempSync(join(tmpdir(), "catalyst-sessions-"));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
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
    // What came since and an end mark; of the restarted side begin, two with routes that this one knows better, and end.
    assert.equal(network.net.frames - frames, 6);
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
