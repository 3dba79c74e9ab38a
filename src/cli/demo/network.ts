// A network of nodes of one organization, in the shape that was asked for: Products at the first node, Reviews at the one farthest
// from it. Sessions open, routes converge, one query at the first node passes through all Envoys on the way; then a service comes
// and goes at the far end, and every node follows.

import { availableParallelism } from "node:os";
import { federated, QUERY, signIn } from "./client.ts";
import type { DemoNode } from "./node.ts";
import { refuseWithoutEnvoy, startServices } from "./organizations.ts";
import type { Show } from "./show.ts";
import type { Topology } from "./topology.ts";
import { commandName, type World } from "./world.ts";

const ORGANIZATION = "demo.catalyst.internal";

export async function playNetwork(world: World, show: Show, topology: Topology): Promise<void> {
  const names = Array.from({ length: topology.nodes }, (_, at) => ({
    label: `n${at + 1}`,
    organization: ORGANIZATION,
  }));
  const nodes = await world.place(names);
  const far = nodes[farthest(topology)];
  const [first] = nodes;
  if (first === undefined || far === undefined) return;
  const urls = await show.step(
    "start the services Products and Reviews",
    () => startServices(world, far),
    ([products, reviews]) => `${products}  ${reviews}`,
  );
  await show.step(
    `one CA, a certificate for each of ${nodes.length} nodes`,
    () => prepare(nodes, topology, urls[0]),
    () => "",
  );
  await show.step(
    `start ${nodes.length} nodes, each with its Envoy`,
    () => startAll(world, nodes),
    () => `${nodes[0]?.label ?? ""} to ${nodes.at(-1)?.label ?? ""}`,
  );
  await refuseWithoutEnvoy([first, far]);
  await show.step(
    `${topology.links.length} sessions open, each with both certificates`,
    () => world.until("all sessions are synced", () => everywhere(nodes, isSynced)),
    () => topology.name,
  );
  await show.step(
    "every node knows both services",
    () => world.until("every node has both routes", () => everywhere(nodes, (node) => knows(node, BOTH))),
    () => `${nodes.length * BOTH.length} routes`,
  );
  await world.until("both services stand in the graph of n1", () => inGraph(first));
  const token = await signIn(first, show);
  const way = await wayOf(first, far);
  const answer = await show.step(
    "one query at n1 over both services",
    () => federated(first, token, QUERY, true),
    () => `n1 > ${way.join(" > ")}`,
  );
  await comeAndGo(world, show, nodes, far, urls[1]);
  end(show, world, first, far, answer);
}

const BOTH = [`products.${ORGANIZATION}`, `reviews.${ORGANIZATION}`];
const NEWS = `news.${ORGANIZATION}`;

async function prepare(nodes: readonly DemoNode[], { links }: Topology, products: string): Promise<void> {
  for (const [at, node] of nodes.entries()) {
    const peers = links
      .flatMap(([a, b]) => (a === at ? [b] : b === at ? [a] : []))
      .flatMap((other) => nodes[other] ?? [])
      .map(({ name, control }) => ({ node: name, address: control }));
    const services = at === 0 ? [{ name: "products", protocol: "http:graphql", endpoint: products }] : [];
    // Small machines run many nodes: one process each, beside Envoy.
    node.write({ processes: "one", services, peers });
  }
  const [first, ...others] = nodes;
  await first?.makeKeys();
  for (const node of others) await node.makeKeys(first);
}

/** As many at once as there are processors: all at once, each would take as long as all of them. */
async function startAll(world: World, nodes: readonly DemoNode[]): Promise<void> {
  const waiting = [...nodes];
  const one = async (): Promise<void> => {
    for (let node = waiting.shift(); node !== undefined; node = waiting.shift()) await world.start(node);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, one));
}

async function everywhere(
  nodes: readonly DemoNode[],
  holds: (node: DemoNode) => Promise<boolean>,
): Promise<boolean> {
  const answers = await Promise.all(nodes.map(holds));
  return answers.every((each) => each);
}

async function isSynced(node: DemoNode): Promise<boolean> {
  const peers = await node.admin().call("peer.list", {});
  return peers.every(({ session }) => session.state === "synced");
}

async function knows(node: DemoNode, names: readonly string[]): Promise<boolean> {
  const routes = await node.admin().call("route.list", {});
  return names.every((name) => routes.some((route) => route.name === name && route.use === "best"));
}

async function inGraph(node: DemoNode): Promise<boolean> {
  const { gateway } = await node.admin().call("status", {});
  return BOTH.every((name) => gateway?.services.includes(name) === true);
}

/** Nodes from the first to the far one, as the route itself says. */
async function wayOf(first: DemoNode, far: DemoNode): Promise<readonly string[]> {
  if (first === far) return [];
  const routes = await first.admin().call("route.show", { name: `reviews.${ORGANIZATION}` });
  const best = routes.find(({ use }) => use === "best");
  return (best?.path ?? []).map((name) => name.split(".")[0] ?? name);
}

async function comeAndGo(
  world: World,
  show: Show,
  nodes: readonly DemoNode[],
  far: DemoNode,
  url: string,
): Promise<void> {
  const endpoint = new URL("/", url).href;
  await show.step(
    `a service comes at ${far.label}, every node knows it`,
    async () => {
      await far.admin().call("service.add", { name: "news", protocol: "http", endpoints: [endpoint] });
      await world.until("every node has the route", () => everywhere(nodes, (node) => knows(node, [NEWS])));
    },
    () => NEWS,
  );
  await show.step(
    "it goes, no node knows it any more",
    async () => {
      await far.admin().call("service.remove", { name: "news" });
      await world.until("no node has the route", () =>
        everywhere(nodes, async (node) => !(await knows(node, [NEWS]))),
      );
    },
    () => "",
  );
}

/** The node with the longest way to the first. */
function farthest({ nodes, links }: Topology): number {
  const distance = new Map([[0, 0]]);
  const queue = [0];
  for (let at = queue.shift(); at !== undefined; at = queue.shift())
    for (const [a, b] of links)
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const)
        if (from === at && !distance.has(to)) {
          distance.set(to, (distance.get(at) ?? 0) + 1);
          queue.push(to);
        }
  let far = 0;
  for (let at = 0; at < nodes; at++) if ((distance.get(at) ?? 0) > (distance.get(far) ?? 0)) far = at;
  return far;
}

function end(show: Show, world: World, first: DemoNode, far: DemoNode, answer: unknown): void {
  const catalyst = commandName();
  show.end({
    answer,
    reach: [
      ["graph", `${first.ingress}/graphql`],
      ["folder", world.folder],
    ],
    next: [
      `${catalyst} peer list --data-dir ${first.dataDir}`,
      `${catalyst} route explain reviews --data-dir ${first.dataDir}`,
      `${catalyst} events --follow --data-dir ${far.dataDir}`,
    ],
    note: undefined,
  });
}
