// Networks of nodes with sessions in memory, for scenarios: whom there is, who knows whom, and time that a test moves.

import assert from "node:assert/strict";
import type { PeerIntent } from "#routing";
import { PeerNet } from "./peer-net.ts";
import { ACCEPT_ALL, PeerNode } from "./peer-node.ts";
import { VirtualClock } from "./virtual-clock.ts";

type Terms = Partial<PeerIntent>;

export class Network {
  readonly net = new PeerNet(new VirtualClock());
  readonly nodes: PeerNode[] = [];

  async node(name: string, file?: string): Promise<PeerNode> {
    const options = { seed: this.nodes.length, ...(file === undefined ? {} : { file }) };
    const node = await new PeerNode(this.net, name, options).listen();
    this.nodes.push(node);
    await node.rules({ imports: ACCEPT_ALL });
    return node;
  }

  async join(a: PeerNode, b: PeerNode, terms: Terms = {}): Promise<void> {
    await a.peer(b.name, terms);
    await b.peer(a.name, terms);
  }

  run(ms: number): Promise<void> {
    return this.net.clock.advance(ms);
  }

  /** No defect of this program showed. */
  quiet(): void {
    assert.deepEqual(
      this.nodes.flatMap(({ errors }) => errors),
      [],
    );
  }
}

export const A = "a.acme.test";
export const B = "b.acme.test";
export const C = "c.acme.test";
export const GLOBEX = "g.globex.test";
/** A service of that name at any node of the first organization. */
export const KEY = "products.acme.test";

/** Two, synced. */
export async function pair(one = A, other = B, terms: Terms = {}) {
  const network = new Network();
  const [a, b] = [await network.node(one), await network.node(other)];
  await network.join(a, b, terms);
  await network.run(2_000);
  return { network, a, b };
}

/** `to` knows a service of A, and keeps what it was told in a file. */
export async function remembered(to: string, file: string) {
  const network = new Network();
  const [a, b] = [await network.node(A), await network.node(to, file)];
  await network.join(a, b);
  await a.offer("products");
  await network.run(2_000);
  return { network, a, b };
}

/** Each with each. */
export async function clique(...names: readonly string[]) {
  const network = new Network();
  for (const name of names) {
    const node = await network.node(name);
    for (const other of network.nodes) if (other !== node) await network.join(other, node);
  }
  await network.run(2_000);
  return { network, nodes: network.nodes };
}
