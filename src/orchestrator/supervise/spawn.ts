// The processes of a node's parts, as their supervisor makes them.

import { type ChildProcess, spawn } from "node:child_process";
import { guarded } from "./guard.ts";
import type { PartPlan } from "./plan.ts";

/** With pipes to hear it, and one that ends with the supervisor where the part looks at it. */
export const spawnPart = (
  plan: Pick<PartPlan, "command" | "env" | "watchesStdin">,
  extraEnv: Readonly<Record<string, string>>,
  setpriv: string | undefined,
): ChildProcess => {
  const guard = !plan.watchesStdin;
  const [program, ...args] = guard ? guarded(plan.command, setpriv) : plan.command;
  return spawn(program, args, {
    stdio: [guard && setpriv !== undefined ? "ignore" : "pipe", "pipe", "pipe"],
    env: { ...process.env, ...plan.env, ...extraEnv },
    // A group of its own: Ctrl-C in a terminal reaches the supervisor only, which then drains.
    detached: true,
  });
};

/** Whether it could be started and has not ended. */
export const runs = (child: ChildProcess): boolean =>
  child.pid !== undefined && child.exitCode === null && child.signalCode === null;
