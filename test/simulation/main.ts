// `npm run sim -- --seeds N --seed S`: whole networks in one thread, a seed a run. Prints the first failing seed with its faults, as
// few as still make it fail. `--bug NAME` puts a defect into the nodes, `--nodes N` and `--faults N` make larger runs.

import { parseArgs } from "node:util";
import { type Bug, BUGS } from "./bugs.ts";
import { scenario, SMALL } from "./scenario.ts";
import { shrink } from "./shrink.ts";
import { simulate } from "./world.ts";

/** Exit code: 0 when every run is good. */
export function main(args: readonly string[], print: (line: string) => void): number {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: "string", default: "100" },
      seed: { type: "string", default: "1" },
      nodes: { type: "string", default: String(SMALL.nodes) },
      faults: { type: "string", default: String(SMALL.faults) },
      bug: { type: "string" },
    },
  });
  const [seeds, first] = [Number(values.seeds), Number(values.seed)];
  const bounds = { ...SMALL, nodes: Number(values.nodes), faults: Number(values.faults) };
  const numbers = [seeds, first, bounds.nodes, bounds.faults];
  const bug = BUGS.find((one) => one === values.bug) satisfies Bug | undefined;
  if (!numbers.every(Number.isSafeInteger) || bounds.nodes < 2 || bug !== values.bug) {
    print(`usage: sim [--seeds N] [--seed S] [--nodes N] [--faults N] [--bug ${BUGS.join("|")}]`);
    return 2;
  }
  const started = process.cpuUsage();
  let messages = 0;
  for (let seed = first; seed < first + seeds; seed++) {
    const outcome = simulate(scenario(seed, bounds), bug);
    messages += outcome.messages;
    if (outcome.problems.length === 0) continue;
    report(seed, bounds, bug, print);
    return 1;
  }
  const { user, system } = process.cpuUsage(started);
  const seconds = (user + system) / 1e6;
  print(
    `${seeds} seeds from ${first}: 0 failures, ${messages} messages, ` +
      `${seconds.toFixed(1)} CPU-s, ${(seeds / seconds).toFixed(0)} seeds per CPU-second`,
  );
  return 0;
}

function report(
  seed: number,
  bounds: typeof SMALL,
  bug: Bug | undefined,
  print: (line: string) => void,
): void {
  print(`SEED=${seed} fails`);
  const { scenario: small, outcome, tries } = shrink(scenario(seed, bounds), bug);
  print(`after ${tries} tries: ${small.faults.length} faults, ${small.services.length} services`);
  for (const link of small.links) print(`  link ${JSON.stringify(link)}`);
  for (const service of small.services) print(`  service ${JSON.stringify(service)}`);
  for (const fault of small.faults) print(`  fault ${JSON.stringify(fault)}`);
  for (const problem of outcome.problems) print(problem);
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2), console.log);
