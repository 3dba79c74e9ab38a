// What nodes do together. The first argument names the figure; the file of that name tells what it measures.

import { changes } from "./changes.ts";
import { cost } from "./cost.ts";
import { failover } from "./failover.ts";
import { loss } from "./loss.ts";
import { served } from "./served.ts";

export const about =
  "between nodes: cost (of a received route), changes (how they travel), loss (of nodes), failover, served (by the last Envoy)";

const FIGURES: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  cost,
  changes,
  loss,
  failover,
  served,
};

export async function run([name = "cost", ...args]: readonly string[]): Promise<void> {
  const figure = FIGURES[name];
  if (figure === undefined)
    throw new Error(`no figure "${name}"; there are ${Object.keys(FIGURES).join(", ")}`);
  await figure(args);
}
