// `catalyst run` with an empty data directory → every part ready, without Envoy (its own start is not ours). Measured by the clock
// of the caller, from the start of the process to the line that says so. Targets: < 1 s from source, < 500 ms bundled.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { percentiles } from "../percentiles.ts";
import type { BenchOptions } from "./index.ts";
import { type Cleanup, programOf } from "./measured-node.ts";

export async function cold(_: Cleanup, options: BenchOptions): Promise<void> {
  const rounds = options.rounds || 10;
  const program = programOf(options.dist);
  for (const processes of ["split", "one"] as const) {
    const times: number[] = [];
    // The first start fills the compile cache: it is a start after an upgrade, not every start.
    for (let i = 0; i <= rounds; i += 1) {
      const ms = await start(program, processes);
      if (i > 0) times.push(ms);
    }
    process.stdout.write(`  ${processes.padEnd(13)} ${percentiles(times)}\n`);
  }
}

async function start(program: string, processes: string): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "catalyst-bench-"));
  const startedAt = performance.now();
  const child = spawn(
    program,
    [
      ...["run", "--data-dir", join(folder, "node"), "--ingress-listen", "127.0.0.1:0"],
      ...["--envoy-disabled", "--processes", processes],
    ],
    { cwd: folder, stdio: ["ignore", "pipe", "inherit"] },
  );
  let out = "";
  const ms = await new Promise<number>((resolve, reject) => {
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString();
      if (out.includes(" serves at ")) resolve(performance.now() - startedAt);
    });
    child.once("close", () => reject(new Error(`the node ended: ${out}`)));
  });
  child.kill("SIGTERM");
  await new Promise((resolve) => child.once("close", resolve));
  rmSync(folder, { recursive: true, force: true });
  return ms;
}
