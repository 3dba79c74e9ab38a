// `catalyst demo`: the product on this machine, from nothing, each step with its time. By default two organizations that peer; with
// --nodes a network of one organization in any shape. Everything lives in a temporary folder and ends with this process, however
// it ends.

import { findEnvoy } from "#envoy";
import { CatalystError } from "#rpc";
import { asCatalystError, failureText } from "../failure.ts";
import { styleFor } from "../render/style.ts";
import { playNetwork } from "./network.ts";
import { playOrganizations } from "./organizations.ts";
import { Show } from "./show.ts";
import { playSingle } from "./single.ts";
import type { Topology } from "./topology.ts";
import { makeFolder, World } from "./world.ts";

export interface DemoRequest {
  readonly once: boolean;
  readonly keep: boolean;
  readonly json: boolean;
  /** A network instead of two organizations. */
  readonly topology: Topology | undefined;
}

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
    const { title, play } = await chosen(request);
    show.say(`Catalyst: ${title}\n`);
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

interface Chosen {
  readonly title: string;
  readonly play: (world: World, show: Show) => Promise<void>;
}

const SINGLE: Chosen = { title: "one node, two services, one graph", play: playSingle };

async function chosen({ topology }: DemoRequest): Promise<Chosen> {
  if (topology?.nodes === 1) return SINGLE;
  const missing = await withoutEnvoy();
  if (topology === undefined) {
    if (missing !== undefined) return SINGLE;
    return { title: "two organizations, two nodes, one graph", play: playOrganizations };
  }
  if (missing !== undefined)
    throw new CatalystError("ERR_ENVOY_MISSING", `nodes meet in their Envoys, and ${missing}`, {
      hint: "catalyst demo --nodes 1 shows one node without it",
    });
  const title = `${topology.nodes} nodes of one organization, ${topology.name}`;
  return { title, play: (world, show) => playNetwork(world, show, topology) };
}

/** Why there is none. */
async function withoutEnvoy(): Promise<string | undefined> {
  const path = process.env["CATALYST_ENVOY_PATH"];
  try {
    await findEnvoy(path === undefined || path === "" ? {} : { path });
    return undefined;
  } catch (error) {
    if (!(error instanceof CatalystError)) throw error;
    return error.message;
  }
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

function tellFailure(error: unknown, show: Show, request: DemoRequest, world: World | undefined): void {
  const failure = asCatalystError(error);
  show.fail(failure.message);
  if (request.json) return;
  process.stderr.write(`\n${failureText(failure, styleFor(process.stderr, true))}\n`);
  for (const { name, text } of world?.lastLines() ?? []) process.stderr.write(`${name}: ${text}\n`);
}
