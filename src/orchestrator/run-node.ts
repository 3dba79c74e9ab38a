// The process of `catalyst run`: has the configuration read (supervise/reader.ts) and is then the supervisor of `split`, or replaces
// itself, same pid, by the process that holds all parts. Imports little: it is there before everything else, and stays.

import { EarlyParts, saysOne } from "./supervise/early.ts";
import type { PartPlan } from "./supervise/plan.ts";
import { type Read, readPlan } from "./supervise/reader.ts";

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

type Program = PartPlan["command"];

/** Runs the node of these arguments (`run …`) until it is stopped; the result is the exit code. */
export async function runNode(program: Program, argv: readonly string[]): Promise<number> {
  process.umask(0o077);
  const early = new EarlyParts(program);
  const reading = readPlan(program, argv, (processes) => {
    if (processes === "split") early.startAll();
  });
  if (!saysOne(argv, process.env)) early.startBesideReader();
  const supervisor = import("./supervise/main.ts");
  const read = await reading;
  if (typeof read === "number" || read.processes === "one") {
    await early.end();
    return typeof read === "number" ? read : await becomeOne(program, read);
  }
  return await (await supervisor).superviseMain(read.planFile, early.children);
}

/** Where a process cannot be replaced it only weighs more. */
async function becomeOne([file, ...args]: Program, read: Read): Promise<number> {
  // Whoever takes this process's place does not know of the reader, and would never bury it.
  await read.gone;
  if (process.execve !== undefined) {
    const environment = Object.entries({ ...SMALL_ENVIRONMENT, ...process.env }).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, value] as const],
    );
    process.execve(
      file,
      [file, ...SMALL, ...args, "run", "--one", read.bootFile, read.planFile],
      Object.fromEntries(environment),
    );
  }
  return await (await import("./run-one.ts")).runOne(read.bootFile, read.planFile);
}
