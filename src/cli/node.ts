// Which node a client verb speaks to: --data-dir, else --node, else CATALYST_DATA_DIR, else the only one that runs here.

import { connect } from "node:net";
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { clientPaths, knownNodes, labelOf, nodesDir, resolvePath } from "#config";
import { CatalystError } from "#rpc";
import type { Call } from "./verb.ts";

/** A node of this machine answers at once or not at all. */
const PROBE_MS = 1_000;

export interface NodeAddress {
  readonly dataDir: string;
  readonly adminSock: string;
}

export async function findNode({
  globals,
  env,
  cwd,
}: Pick<Call, "globals" | "env" | "cwd">): Promise<NodeAddress> {
  const at = (dataDir: string): NodeAddress => ({ dataDir, adminSock: clientPaths(dataDir, env).adminSock });
  if (globals.dataDir !== undefined) return at(resolvePath(globals.dataDir, cwd, env));
  if (globals.node !== undefined) return at(byName(globals.node, env));
  const named = env["CATALYST_DATA_DIR"];
  if (named !== undefined && named !== "") return at(resolvePath(named, cwd, env));
  const known = knownNodes(env).map(at);
  const answers = await Promise.all(known.map(async (each) => ((await isRunning(each)) ? [each] : [])));
  const running = answers.flat();
  const [only, ...more] = running;
  if (only === undefined) throw unreachable("no node runs here");
  if (more.length > 0) throw ambiguous(running);
  return only;
}

/** A short or full name, in the nodes folder or among those that run elsewhere. */
function byName(name: string, env: Call["env"]): string {
  const label = labelOf(name);
  const usual = join(nodesDir(env), label);
  if (existsSync(usual)) return usual;
  const elsewhere = knownNodes(env).filter((each) => basename(each) === label);
  return elsewhere.length === 1 ? (elsewhere[0] ?? usual) : usual;
}

export const unreachable = (what: string, cause?: unknown): CatalystError =>
  new CatalystError("ERR_NODE_UNREACHABLE", what, {
    hint: "catalyst run, or say where the node is: --data-dir DIR",
    cause,
  });

function ambiguous(running: readonly NodeAddress[]): CatalystError {
  const names = running.map(({ dataDir }) => dataDir);
  return new CatalystError("ERR_NODE_AMBIGUOUS", `${running.length} nodes run here: ${names.join(", ")}`, {
    hint: `--data-dir ${names[0] ?? ""}`,
    detail: { nodes: names },
  });
}

/** A socket file may be left behind by a node that was killed; only an answer counts. */
export function isRunning({ adminSock }: NodeAddress): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(adminSock);
    const end = (answer: boolean) => (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(PROBE_MS, end(false));
    socket.once("connect", end(true));
    socket.once("error", end(false));
  });
}
