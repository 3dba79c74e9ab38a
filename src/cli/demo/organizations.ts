// Two organizations: Acme sells, Globex reviews. Each has its own CA, its own node and its own Envoy, and gives the other nothing but its
// `trust.pem`. Globex exports Reviews to Acme, Acme's import rule lets it into its graph, and a client of Acme gets one answer
// out of both. Then Globex takes it back, Acme's graph follows, and everything that is Acme's own goes on.

import { CatalystError } from "#rpc";
import { ask, federated, type GraphqlAnswer, QUERY, signIn } from "./client.ts";
import type { DemoNode } from "./node.ts";
import type { Show } from "./show.ts";
import { commandName, type World } from "./world.ts";

const ACME = "acme.catalyst.internal";
const GLOBEX = "globex.catalyst.internal";
const OWN_QUERY = "{ topProducts(first: 2) { name price } }";

export async function playOrganizations(world: World, show: Show): Promise<void> {
  const [acme, globex] = await world.place([
    { label: "edge1", organization: ACME },
    { label: "edge1", organization: GLOBEX },
  ]);
  if (acme === undefined || globex === undefined) return;
  const products = await show.step(
    "start the services Products and Reviews",
    async () => (await startServices(world, globex))[0],
    (url) => url,
  );
  await show.step(
    "each makes its CA, gives the other trust.pem",
    () => prepare(acme, globex, products),
    () => "",
  );
  await show.step(
    "start a node and an Envoy for each",
    () => Promise.all([world.start(acme), world.start(globex)]),
    () => `${acme.name}  ${globex.name}`,
  );
  await refuseWithoutEnvoy([acme, globex]);
  await show.step(
    "Reviews registers itself at Globex (SDK)",
    () => world.until("Reviews is up at Globex", () => isUp(globex, "reviews")),
    () => `reviews.${GLOBEX}`,
  );
  await show.step(
    "the nodes open a session, by certificates",
    () =>
      world.until(
        "both sessions are synced",
        () => synced(acme, globex),
        () => whyNot(acme, globex),
      ),
    () => "mutual TLS 1.3",
  );
  await show.step(
    "Globex exports Reviews, it joins Acme's graph",
    () => offered(world, acme, globex),
    () => `reviews.${GLOBEX}`,
  );
  const token = await signIn(acme, show);
  const answer = await show.step(
    "one query at Acme over both, through two Envoys",
    () => federated(acme, token, QUERY, true),
    () => QUERY,
  );
  await show.step(
    "Globex withdraws Reviews, Acme's graph follows",
    () => withdrawn(world, acme, globex, token),
    (error) => `"${error}"`,
  );
  await show.step(
    "what is Acme's own goes on",
    () => own(acme, token),
    () => OWN_QUERY,
  );
  await show.step(
    "Globex exports it again",
    async () => {
      await offered(world, acme, globex);
      return await federated(acme, token, QUERY, true);
    },
    () => "the same query is answered again",
  );
  end(show, world, acme, globex, answer);
}

/** Products will stand in a configuration; Reviews registers itself, as soon as its node is there. */
export const startServices = (world: World, reviewsAt: DemoNode): Promise<[string, string]> =>
  Promise.all([
    world.example("products"),
    world.example("reviews", { CATALYST_SDK_URL: `unix:${reviewsAt.sdkSocket}` }),
  ]);

async function prepare(acme: DemoNode, globex: DemoNode, products: string): Promise<void> {
  const peer = ({ name, control, trust }: DemoNode): object => ({
    node: name,
    address: control,
    trust: { file: trust },
  });
  // One process beside each Envoy starts in two thirds of the time of four.
  const common = { processes: "one" };
  acme.write({
    ...common,
    services: [{ name: "products", protocol: "http:graphql", endpoint: products }],
    peers: [peer(globex)],
    imports: [
      {
        peer: `*.${GLOBEX}`,
        match: { key: `reviews.${GLOBEX}` },
        action: "accept",
        graph: { prefix: "globex", shared: ["Product"] },
      },
    ],
  });
  globex.write({ ...common, peers: [peer(acme)] });
  await Promise.all([acme.makeKeys(), globex.makeKeys()]);
}

/** Envoy may be there and yet not start on this machine. */
export async function refuseWithoutEnvoy(nodes: readonly DemoNode[]): Promise<void> {
  for (const node of nodes) {
    const { envoy, parts } = await node.admin().call("status", {});
    if (envoy === "on") continue;
    const why = parts.find(({ name }) => name === "envoy")?.reason ?? "it does not run";
    throw new CatalystError("ERR_ENVOY_FAILED", `nodes meet in their Envoys: ${why}`, {
      hint: "catalyst demo --nodes 1 shows one node without it",
    });
  }
}

export async function isUp(node: DemoNode, name: string): Promise<boolean> {
  const services = await node.admin().call("service.list", {});
  return services.some((each) => each.name.startsWith(`${name}.`) && each.health === "up");
}

async function synced(...nodes: readonly DemoNode[]): Promise<boolean> {
  const peers = await Promise.all(nodes.map((node) => node.admin().call("peer.list", {})));
  return peers.flat().every(({ session }) => session.state === "synced");
}

async function whyNot(...nodes: readonly DemoNode[]): Promise<string> {
  const peers = await Promise.all(nodes.map((node) => node.admin().call("peer.list", {})));
  const waiting = peers.flat().find(({ session }) => session.state !== "synced");
  if (waiting === undefined) return "a peer is away";
  return `${waiting.node} is ${waiting.session.state}; ${waiting.session.last?.text ?? "nothing was said"}`;
}

const hasReviews = async (acme: DemoNode): Promise<boolean> => {
  const { gateway } = await acme.admin().call("status", {});
  return gateway?.services.some((name) => name.startsWith("reviews.")) === true;
};

async function offered(world: World, acme: DemoNode, globex: DemoNode): Promise<void> {
  await globex.admin().call("service.export", { name: "reviews", to: ACME });
  await world.until(
    "Reviews stands in Acme's graph",
    () => hasReviews(acme),
    () => explained(acme),
  );
}

async function explained(acme: DemoNode): Promise<string> {
  const { problems } = await acme.admin().call("status", {});
  if (problems[0] !== undefined) return problems[0].text;
  const { candidates, rejected } = await acme.admin().call("route.explain", { name: `reviews.${GLOBEX}` });
  return candidates[0]?.verdict.reason ?? rejected[0]?.text ?? "nobody offers it";
}

/** What the client is told then. */
async function withdrawn(world: World, acme: DemoNode, globex: DemoNode, token: string): Promise<string> {
  await globex.admin().call("service.unexport", { name: "reviews", to: ACME });
  await world.until("Reviews is gone from Acme's graph", async () => !(await hasReviews(acme)));
  const { status, body, answer } = await ask(acme.ingress, token, QUERY);
  const [error] = answer?.errors ?? [];
  if (error?.message !== undefined) return error.message;
  throw new CatalystError("ERR_INTERNAL", `a query for what is gone got ${status}: ${body.slice(0, 300)}`);
}

async function own(acme: DemoNode, token: string): Promise<void> {
  const { status, body, answer } = await ask(acme.ingress, token, OWN_QUERY);
  if (answer?.errors === undefined && (answer?.data?.topProducts?.length ?? 0) > 0) return;
  throw new CatalystError("ERR_INTERNAL", `Acme's own query got ${status}: ${body.slice(0, 300)}`);
}

function end(show: Show, world: World, acme: DemoNode, globex: DemoNode, answer: GraphqlAnswer): void {
  const catalyst = commandName();
  const [atAcme, atGlobex] = [acme, globex].map(({ dataDir }) => `--data-dir ${dataDir}`);
  show.end({
    answer,
    reach: [
      ["graph", `${acme.ingress}/graphql`],
      ["at Globex", `${globex.ingress}/graphql`],
      ["folder", world.folder],
    ],
    next: [
      `${catalyst} status ${atAcme ?? ""}`,
      `${catalyst} route explain reviews ${atAcme ?? ""}`,
      `${catalyst} peer down acme 'maintenance' ${atGlobex ?? ""}`,
    ],
    note: undefined,
  });
}
