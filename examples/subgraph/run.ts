// Runs an example as a program: `--port N` (0 = any), `--host ADDRESS`, `--watch-stdin` (ends with the
// parent, whose end of the pipe closes even when it is killed). Prints `listening URL`, ends on SIGTERM and
// SIGINT.

import { parseArgs } from "node:util";
import type { Running } from "./serve.ts";

export async function run(
  start: (options: { port: number; host: string }) => Promise<Running>,
): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "0" },
      host: { type: "string", default: "127.0.0.1" },
      "watch-stdin": { type: "boolean", default: false },
    },
  });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`--port ${values.port} is no port`);
  const running = await start({ port, host: values.host });
  console.log(`listening ${running.url}`);
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    // The parent may be gone and with it whatever read our output: nothing may keep the process.
    void running.close().finally(() => process.exit(0));
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  if (values["watch-stdin"]) process.stdin.on("end", stop).on("error", stop).resume();
}
