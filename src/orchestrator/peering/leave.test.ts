import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { GLOBEX, Network } from "../../../test/kit/peer-network.ts";
import { ACCEPT_ALL, organizationOf, type PeerNode } from "../../../test/kit/peer-node.ts";

const TRANSITIVE = [{ match: { key: "*" }, action: "accept", set: { scope: "transitive" } }] as const;
/** Words of a node are under way for twice as long. */
const HALF_WAY_MS = 0.5;
const KEY = "products.acme.test";

/** `from` reaches `to` by either of two in the middle, of which it uses the first. */
async function diamond(names: readonly [from: string, first: string, second: string, to: string]) {
  const network = new Network();
  const nodes: PeerNode[] = [];
  for (const name of names) nodes.push(await network.node(name));
  const [from, first, second, to] = nodes as [PeerNode, PeerNode, PeerNode, PeerNode];
  for (const node of nodes) await node.rules({ imports: ACCEPT_ALL, exports: TRANSITIVE });
  const inside = organizationOf(first.name) === organizationOf(to.name);
  for (const middle of [first, second]) {
    await network.join(from, middle);
    // What customers offer goes on to everybody.
    await middle.peer(to.name, inside ? {} : { role: "customer" });
    await to.peer(middle.name, inside ? {} : { role: "provider" });
  }
  await to.offer("products");
  await network.run(2_000);
  assert.deepEqual(from.best(KEY), [first.name, second.name]);
  return { network, from, first, second, to };
}

/** From node to node as each of them chose; undefined when that does not lead to the service. */
function way(network: Network, from: PeerNode, gone: readonly string[]): string | undefined {
  const passed: string[] = [];
  for (let at: PeerNode | undefined = from; at !== undefined;) {
    const { name }: PeerNode = at;
    if (gone.includes(name) || passed.includes(name)) return undefined;
    passed.push(name);
    const next: string | undefined = at.best(KEY)?.[0];
    if (next === name) return passed.join(" ");
    at = network.nodes.find((one) => one.name === next);
  }
  return undefined;
}

/** What happens, and then all ways that were in use, at every moment. */
async function waysDuring(network: Network, from: PeerNode, middle: PeerNode, act: () => Promise<unknown>) {
  const ways = new Set([way(network, from, [])]);
  const done = act();
  for (let step = 0; step < 4_000; step++) {
    await network.run(HALF_WAY_MS);
    // From when it ends its session on, nothing is promised.
    ways.add(way(network, from, middle.state(from.name) === "synced" ? [] : [middle.name]));
  }
  await done;
  return [...ways];
}

const INSIDE = ["c.acme.test", "a.acme.test", "b.acme.test", "o.acme.test"] as const;

for (const [what, names] of [
  ["inside an organization", INSIDE],
  ["across organizations", [GLOBEX, "a.hooli.test", "b.initech.test", "o.acme.test"]],
] as const) {
  describe(what, () => {
    test("a node that stops is left before it goes, and there is a way at every moment", async () => {
      const { network, from, first, second, to } = await diamond(names);
      const act = async () => {
        await first.driver.stop();
        await first.wire.close();
      };
      const ways = await waysDuring(network, from, first, act);
      const [one, other] = [first, second].map(({ name }) => [from.name, name, to.name].join(" "));
      assert.deepEqual(ways, [one, other]);
      assert.equal(first.best(KEY)?.[0], to.name, "it serves to the end");
    });

    test("a peering that is taken down is left before", async () => {
      const { network, from, first, second, to } = await diamond(names);
      const act = () => first.peer(from.name, { adminDown: { reason: "maintenance" } });
      const ways = await waysDuring(network, from, first, act);
      const [one, other] = [first, second].map(({ name }) => [from.name, name, to.name].join(" "));
      assert.deepEqual(ways, [one, other]);
      // The mark is gone with the peering.
      await first.peer(from.name);
      await network.run(70_000);
      assert.deepEqual(from.best(KEY), [first.name, second.name]);
    });
  });
}

test("who has no other way keeps this one to the end", async () => {
  const { network, from, first, second } = await diamond(INSIDE);
  await second.kill();
  const stopped = first.driver.stop();
  await network.run(200);
  assert.deepEqual([from.best(KEY)?.[0], from.state(first.name)], [first.name, "synced"]);
  await network.run(2_000);
  await stopped;
});
