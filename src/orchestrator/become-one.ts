// The process that prepared a node of one process replaces itself by it: same pid, and what it had loaded leaves the memory.

import type { PartPlan } from "./supervise/plan.ts";
import type { Files } from "./supervise/told.ts";

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

/** The result is the exit code. Where a process cannot be replaced it only weighs more. */
export async function becomeOne(
  [file, ...args]: PartPlan["command"],
  { bootFile, planFile }: Files,
): Promise<number> {
  if (process.execve !== undefined) {
    const environment = Object.entries({ ...SMALL_ENVIRONMENT, ...process.env }).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, value] as const],
    );
    process.execve(
      file,
      [file, ...SMALL, ...args, "run", "--one", bootFile, planFile],
      Object.fromEntries(environment),
    );
  }
  return await (await import("./run-one.ts")).runOne(bootFile, planFile);
}
