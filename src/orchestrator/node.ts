// A whole node from one configuration: as siblings under a supervisor (`split`) or in one process (`one`). The process that
// loaded the configuration replaces itself (same pid) by the one that stays, so that schema and command line leave the memory.

import { announceNode, type LoadedConfig } from "#config";
import { type PrepareOptions, prepareNode } from "./prepare.ts";

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
  return one
    ? await (await import("./run-one.ts")).runOne(bootFile, planFile)
    : await (await import("./supervise/main.ts")).superviseMain(planFile);
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
