// Sessions of whole nodes over links in memory: each scenario failed once in some system of this kind (peering.md section 12).

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PeerNet } from "../../../test/kit/peer-net.ts";
import { ACCEPT_ALL, PeerNode } from "../../../test/kit/peer-node.ts";
import { VirtualClock } from "../../../test/kit/virtual-clock.ts";

async function network(...names: readonly string[]) {
  const net = new PeerNet(new VirtualClock());
  const nodes: PeerNode[] = [];
  for (const [seed, name] of names.entries()) nodes.push(await new PeerNode(net, name, { seed }).listen());
  const join = async (a: number, b: number) => {
    const [one, other] = [nodes[a], nodes[b]];
    if (one === undefined || other === undefined) throw new Error("no such node");
    await one.peer(other.name);
    await other.peer(one.name);
  };
  return { net, nodes, join, run: (ms: number) => net.clock.advance(ms) };
}

/** Two, synced. */
async function pair(a = "a.acme.test", b = "b.acme.test") {
  const { net, nodes, join, run } = await network(a, b);
  const [one, other] = nodes;
  if (one === undefined || other === undefined) throw new Error("no nodes");
  await join(0, 1);
  for (const node of nodes) await node.rules({ imports: ACCEPT_ALL });
  await run(2_000);
  return { net, a: one, b: other, run };
}

describe("a session", () => {
  test("comes up, tells, and takes back", async () => {
    const { a, b, run } = await pair();
    assert.deepEqual([a.state(b.name), b.state(a.name)], ["synced", "synced"]);
    await a.offer("products");
    await run(100);
    assert.deepEqual(b.best("products.acme.test"), [a.name]);
    await a.drop("products");
    await run(100);
    assert.equal(b.best("products.acme.test"), undefined);
    assert.ok(b.loop.view.routes.tombstones.get("products.acme.test", a.name));
    assert.deepEqual([...a.errors, ...b.errors], []);
  });
});
