// `catalyst demo`: a whole node on this machine, from nothing to a federated answer through Envoy, each step with its time. Two
// example services: Products stands in the configuration, Reviews registers itself through the SDK. Everything lives in a temporary
// folder and ends with this process, however it ends.

import { CatalystError } from "#rpc";
import { asCatalystError, failureText } from "../failure.ts";
import { styleFor } from "../render/style.ts";
import { post } from "./ask.ts";
import { Show } from "./show.ts";
import { commandName, freePort, makeFolder, World } from "./world.ts";

export interface DemoRequest {
  readonly once: boolean;
  readonly keep: boolean;
  readonly json: boolean;
}

const QUERY = "{ topProducts(first: 2) { name price reviews { rating author body } } }";

/** The exit code. */
export async function demo(request: DemoRequest): Promise<number> {
  // A reader that went away (`demo | head`) must not keep what runs from ending in order.
  process.stdout.on("error", () => {});
  process.stderr.on("error", () => {});
  const show = new Show(request.json);
  const stop = interruption();
  let world: World | undefined;
  stop.onSecond(() => {
    world?.kill(request.keep);
    process.exit(130);
  });
  let code = 0;
  try {
    show.say("Catalyst: one node, two services, one graph\n");
    const folder = await show.step(
      "make a folder",
      async () => makeFolder(),
      (made) => made,
    );
    world = new World(folder);
    await Promise.race([play(world, show), stop.first.then(() => Promise.reject(new Stopped()))]);
    if (!request.once) {
      show.say("\nIt stays up until Ctrl-C.");
      await stop.first;
    }
  } catch (error) {
    if (!(error instanceof Stopped)) tellFailure(error, show, request, world);
    code = error instanceof Stopped ? 130 : 1;
  } finally {
    await world?.close(request.keep);
    if (request.keep) show.say(`kept: ${world?.folder ?? "nothing"}`);
  }
  return code;
}

class Stopped extends Error {}

/** First Ctrl-C or SIGTERM resolves; the second calls back. */
function interruption(): { first: Promise<void>; onSecond(run: () => void): void } {
  let second = (): void => {};
  let asked = false;
  const first = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
      process.on(signal, () => {
        if (asked) second();
        asked = true;
        resolve();
      });
  });
  return { first, onSecond: (run) => (second = run) };
}

async function play(world: World, show: Show): Promise<void> {
  const products = await show.step(
    "start the service Products",
    () => world.example("products"),
    (url) => url,
  );
  const port = await freePort();
  const ingress = `http://127.0.0.1:${port}`;
  await show.step(
    "start a node with Products in its configuration",
    () => world.node(configuration(world, port, products)),
    () => ingress,
  );
  const admin = world.admin();
  const status = await admin.call("status", {});
  const envoy = status.envoy === "on";
  await show.step(
    "Reviews starts and registers itself (SDK)",
    () => register(world),
    (url) => url,
  );
  const key = await show.step(
    "create an API key",
    () => admin.call("apikey.create", { principal: "demo" }),
    ({ id }) => id,
  );
  const token = await show.step(
    "exchange it for a token (POST /auth/token)",
    () => exchange(ingress, key.key),
    () => "good for 5 minutes",
  );
  const answer = await show.step(
    `one query over both services, through ${envoy ? "Envoy" : "the gateway"}`,
    () => query(ingress, token, envoy),
    () => QUERY,
  );
  const at = `--data-dir ${world.dataDir}`;
  const catalyst = commandName();
  show.end({
    answer,
    reach: [
      ["graph", `${ingress}/graphql`],
      ["key set", `${ingress}/.well-known/jwks.json`],
      ["products", products],
      ["folder", world.folder],
    ],
    next: [
      `${catalyst} status ${at}`,
      `${catalyst} query '{ latestReviews(first: 1) { body product { name } } }' ${at}`,
      `${catalyst} service list ${at}`,
    ],
    note: noteOf(status.parts),
  });
}

function noteOf(parts: readonly { name: string; state: string; reason?: string }[]): string | undefined {
  const envoy = parts.find(({ name }) => name === "envoy");
  if (envoy?.state !== "absent") return undefined;
  return `no-Envoy mode (${envoy.reason ?? "no Envoy"}): the gateway serves ingress itself`;
}

const configuration = (world: World, port: number, products: string): object => ({
  organization: "demo.catalyst.internal",
  node: "demo",
  dataDir: world.dataDir,
  ingress: { listen: `127.0.0.1:${port}` },
  services: [{ name: "products", protocol: "http:graphql", endpoint: products }],
});

/** Until both services stand in the graph that the gateway serves. */
async function register(world: World): Promise<string> {
  const url = await world.example("reviews", { CATALYST_SDK_URL: `unix:${world.sdkSocket()}` });
  await world.until("Products and Reviews in one graph", async () => {
    const { gateway } = await world.admin().call("status", {});
    return ["products", "reviews"].every((name) =>
      gateway?.services.some((each) => each.startsWith(`${name}.`)),
    );
  });
  return url;
}

async function exchange(ingress: string, key: string): Promise<string> {
  const { status, body } = await post(`${ingress}/auth/token`, key, "");
  const answer = readJson(body) as { access_token?: unknown } | undefined;
  if (status === 200 && typeof answer?.access_token === "string") return answer.access_token;
  throw new CatalystError("ERR_APIKEY_INVALID", `POST /auth/token answered ${status}: ${body.slice(0, 200)}`);
}

interface GraphqlAnswer {
  readonly data?: { readonly topProducts?: readonly { readonly reviews?: readonly unknown[] }[] };
  readonly errors?: unknown;
}

async function query(ingress: string, token: string, envoy: boolean): Promise<unknown> {
  const { status, server, body } = await post(`${ingress}/graphql`, token, JSON.stringify({ query: QUERY }));
  const answer = readJson(body) as GraphqlAnswer | undefined;
  const reviewed = answer?.data?.topProducts?.some((product) => (product.reviews?.length ?? 0) > 0);
  if (status !== 200 || answer?.errors !== undefined || reviewed !== true)
    throw new CatalystError("ERR_INTERNAL", `the query was answered with ${status}: ${body.slice(0, 500)}`);
  if (envoy && server !== "envoy")
    throw new CatalystError("ERR_INTERNAL", "the answer did not come through Envoy");
  return answer;
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the caller shows the text and the status
  }
}

function tellFailure(error: unknown, show: Show, request: DemoRequest, world: World | undefined): void {
  show.fail(undefined);
  if (request.json) return;
  const failure = asCatalystError(error);
  process.stderr.write(`\n${failureText(failure, styleFor(process.stderr, true))}\n`);
  for (const { name, text } of world?.lastLines() ?? []) process.stderr.write(`${name}: ${text}\n`);
}
