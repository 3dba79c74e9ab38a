// The process of `catalyst run`: has the configuration read (supervise/reader.ts) and is then the supervisor of `split`, or replaces
// itself, same pid, by the process that holds all parts. Imports little: it is there before everything else, and stays.

import { becomeOne } from "./become-one.ts";
import { EarlyParts } from "./supervise/early.ts";
import type { PartPlan } from "./supervise/plan.ts";
import { readPlan } from "./supervise/reader.ts";

type Program = PartPlan["command"];

/** Runs the node of these arguments (`run …`) until it is stopped; the result is the exit code. */
export async function runNode(program: Program, argv: readonly string[]): Promise<number> {
  process.umask(0o077);
  const early = new EarlyParts(program);
  const reading = readPlan(program, argv, (processes) => {
    if (processes === "split") early.startAll();
  });
  early.startBesideReader();
  const supervisor = import("./supervise/main.ts");
  const read = await reading;
  if (typeof read === "number" || read.processes === "one") {
    await early.end();
    if (typeof read === "number") return read;
    // Whoever takes this process's place does not know of the reader, and would never bury it.
    await read.gone;
    return await becomeOne(program, read);
  }
  return await (await supervisor).superviseMain(read.planFile, early.children);
}
