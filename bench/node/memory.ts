// Memory of a node at rest: runs the shell script beside this file, which starts a node by itself, so that it can also be called
// with no Node but the measured one on the machine (then shared pages count fully): sh bench/node/memory.sh [PROGRAM]

import { spawn } from "node:child_process";
import type { BenchOptions } from "./index.ts";
import type { Cleanup } from "./measured-node.ts";

const SCRIPT = new URL("./memory.sh", import.meta.url).pathname;

export async function memory(_: Cleanup, options: BenchOptions): Promise<void> {
  const args = options.dist === undefined ? [] : [`${options.dist}/catalyst`];
  const child = spawn("sh", [SCRIPT, ...args], { stdio: ["ignore", "inherit", "inherit"] });
  const code = await new Promise((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(`memory.sh ended with ${String(code)}`);
}
