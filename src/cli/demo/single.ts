// One node on this machine, from nothing to a federated answer: Products stands in the configuration, Reviews registers itself
// through the SDK. What is shown where there is no Envoy, because nodes meet in their Envoys.

import { federated, QUERY, signIn } from "./client.ts";
import type { Show } from "./show.ts";
import { commandName, type World } from "./world.ts";
import type { DemoNode } from "./node.ts";

export async function playSingle(world: World, show: Show): Promise<void> {
  const products = await show.step(
    "start the service Products",
    () => world.example("products"),
    (url) => url,
  );
  const [node] = await world.place([{ label: "demo", organization: "demo.catalyst.internal" }]);
  if (node === undefined) return;
  node.write({ services: [{ name: "products", protocol: "http:graphql", endpoint: products }] }, true);
  await show.step(
    "start a node with Products in its configuration",
    () => world.start(node),
    () => node.ingress,
  );
  const { envoy, parts } = await node.admin().call("status", {});
  await show.step(
    "Reviews starts and registers itself (SDK)",
    () => register(world, node),
    (url) => url,
  );
  const token = await signIn(node, show);
  const answer = await show.step(
    `one query over both services, through ${envoy === "on" ? "Envoy" : "the gateway"}`,
    () => federated(node, token, QUERY, envoy === "on"),
    () => QUERY,
  );
  const at = `--data-dir ${node.dataDir}`;
  const catalyst = commandName();
  show.end({
    answer,
    reach: [
      ["graph", `${node.ingress}/graphql`],
      ["key set", `${node.ingress}/.well-known/jwks.json`],
      ["products", products],
      ["folder", world.folder],
    ],
    next: [
      `${catalyst} status ${at}`,
      `${catalyst} query '{ latestReviews(first: 1) { body product { name } } }' ${at}`,
      `${catalyst} service list ${at}`,
    ],
    note: noteOf(parts),
  });
}

function noteOf(parts: readonly { name: string; state: string; reason?: string }[]): string | undefined {
  const envoy = parts.find(({ name }) => name === "envoy");
  if (envoy?.state !== "absent") return undefined;
  return `no-Envoy mode (${envoy.reason ?? "no Envoy"}): the gateway serves ingress itself`;
}

/** Until both services stand in the graph that the gateway serves. */
async function register(world: World, node: DemoNode): Promise<string> {
  const url = await world.example("reviews", { CATALYST_SDK_URL: `unix:${node.sdkSocket}` });
  await world.until("Products and Reviews in one graph", async () => {
    const { gateway } = await node.admin().call("status", {});
    return ["products", "reviews"].every((name) =>
      gateway?.services.some((each) => each.startsWith(`${name}.`)),
    );
  });
  return url;
}
