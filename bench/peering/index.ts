// What nodes do together. The first argument names the figure; the file of that name tells what it measures.
//   npm run bench -- peering failover [--rounds N] [--hung N]
//   npm run bench -- peering changes [--rounds N] [--seconds N]

import { changes } from "./changes.ts";
import { failover } from "./failover.ts";

export const about = "between nodes: failover (one of two nodes is lost under load), changes (how they travel)";

const FIGURES: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = { changes, failover };

export async function run([name = "failover", ...args]: readonly string[]): Promise<void> {
  const figure = FIGURES[name];
  if (figure === undefined)
    throw new Error(`no figure "${name}"; there are ${Object.keys(FIGURES).join(", ")}`);
  await figure(args);
}
