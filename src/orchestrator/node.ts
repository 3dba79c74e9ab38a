// A whole node from one configuration: as siblings under a supervisor (`split`) or in one process (`one`). The process that
// loaded the configuration replaces itself (same pid) by the one that stays, so that schema and command line leave the memory.

import { readFileSync } from "node:fs";
import { announceNode, type LoadedConfig } from "#config";
import { readBoot } from "./boot.ts";
import { openLog } from "./log.ts";
import { startOne } from "./one.ts";
import { systemClock, systemRandom } from "./ports.ts";
import { type PrepareOptions, prepareNode } from "./prepare.ts";
import { jsonLine, renderJson, renderText } from "./supervise/lines.ts";
import { collectAfterStart } from "./settle.ts";
import { superviseMain } from "./supervise/main.ts";
import type { NodePlan } from "./supervise/plan.ts";

export interface RunOptions extends Omit<PrepareOptions, "loaded"> {
  readonly loaded: LoadedConfig;
}

/**
 * One process is for small machines: a young generation of 1 MB instead of 16 keeps it 5 MB smaller at rest (measured) and far
 * more under load, for some processor time. A flag of the user's own stands behind it and wins.
 */
const SMALL = ["--max-semi-space-size=1"];

/**
 * Else each helper thread of Node keeps a heap of the C library for itself, 1 to 2 MB at rest (measured). A value of
 * the user's own wins.
 */
const SMALL_ENVIRONMENT = { MALLOC_ARENA_MAX: "1" };

/** Runs a node until it is stopped; the result is the exit code. */
export async function runNode(options: RunOptions): Promise<number> {
  const { boot, planFile, bootFile } = await prepareNode(options);
  // Taken back when the node is over, by whoever knows it then.
  announceNode(boot.paths.dataDir);
  const one = boot.config.processes === "one";
  const [program, ...args] = options.program;
  if (one) become([program, ...SMALL, ...args], ["--one", bootFile, planFile], SMALL_ENVIRONMENT);
  else become(options.program, ["--supervise", planFile]);
  return one ? await runOne(bootFile, planFile) : await superviseMain(planFile);
}

/** Replaces this process (same pid); returns only where that is not possible, and then it only weighs more. */
function become(
  [program, ...args]: RunOptions["program"],
  more: readonly string[],
  defaults: Readonly<Record<string, string>> = {},
): void {
  if (process.execve === undefined) return;
  const environment = Object.entries({ ...defaults, ...process.env }).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as const],
  );
  process.execve(program, [program, ...args, "run", ...more], Object.fromEntries(environment));
}

/** `one`, from what was prepared. */
export async function runOne(bootFile: string, planFile: string): Promise<number> {
  process.umask(0o077);
  const boot = readBoot(bootFile);
  const plan = JSON.parse(readFileSync(planFile, "utf8")) as NodePlan;
  const render = plan.logs === "json" ? renderJson : renderText;
  const line = (part: string, text: string): void => void process.stdout.write(`${render(part, text)}\n`);
  const log = openLog(boot, "node", (text) => line("node", text));
  const ports = { clock: systemClock, random: systemRandom, log };
  const node = await startOne(boot, plan, ports, {
    line,
    say: (level, text, fields) => line("node", jsonLine("node", level, text, fields)),
  });
  const withdraw = announceNode(boot.paths.dataDir);
  void node.ready.then(() => {
    collectAfterStart(systemClock);
    const why = node.envoyAbsent();
    const how = why === undefined ? "" : `, without Envoy: ${why}`;
    log.info({}, `node ${boot.names.node} serves at ${boot.ingress}${how}`);
  });
  return await new Promise<number>((resolve) => {
    let asked = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (asked) {
        node.kill();
        resolve(signal === "SIGINT" ? 130 : 143);
        return;
      }
      asked = true;
      withdraw();
      node.stop().then(
        () => resolve(0),
        (error: unknown) => {
          log.error({ error: String(error) }, "the node did not stop in order");
          resolve(1);
        },
      );
    };
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, onSignal);
    process.stdout.on("error", () => {});
  });
}
