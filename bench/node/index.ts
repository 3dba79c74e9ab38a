// The whole node, as a user starts it: `add` (service add → first request served), `recover` (kill -9 of each part under load →
// whole service back), `kills` (kill -9 of random parts, many times), `cold` (catalyst run → ready), `memory` (PSS of our
// processes at rest, by a shell script; meaningful with no other Node on the machine). Flags: --rounds N, --services N and
// --graphql N (how many stand there already), --seed N, --dist FOLDER (measure a built release instead of the source).

import { parseArgs } from "node:util";
import { add } from "./add.ts";
import { cold } from "./cold.ts";
import { kills } from "./kills.ts";
import { memory } from "./memory.ts";
import { recover } from "./recover.ts";

export const about =
  "add | recover | kills | cold | memory: a whole node, from the call to the first request served";

const BENCHES = { add, recover, kills, cold, memory } as const;

export interface BenchOptions {
  readonly rounds: number;
  readonly services: number;
  readonly graphql: number;
  readonly seed: number;
  readonly dist: string | undefined;
}

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: { type: "string", default: "0" },
      services: { type: "string", default: "100" },
      graphql: { type: "string", default: "10" },
      seed: { type: "string", default: "0" },
      dist: { type: "string" },
    },
  });
  const options: BenchOptions = {
    rounds: Number(values.rounds),
    services: Number(values.services),
    graphql: Number(values.graphql),
    seed: Number(values.seed),
    dist: values.dist,
  };
  for (const name of positionals.length > 0 ? positionals : Object.keys(BENCHES)) {
    if (!isBench(name)) throw new Error(`no benchmark "${name}": ${Object.keys(BENCHES).join(", ")}`);
    process.stdout.write(`${name}\n`);
    const cleanups: (() => void | Promise<void>)[] = [];
    try {
      await BENCHES[name]({ after: (each) => void cleanups.push(each) }, options);
    } finally {
      for (const each of cleanups.toReversed()) await each();
    }
    process.stdout.write("\n");
  }
}

const isBench = (name: string): name is keyof typeof BENCHES => Object.hasOwn(BENCHES, name);
