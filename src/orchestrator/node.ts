// A whole node from one configuration: as siblings under a supervisor (`split`) or in this process (`one`). In `split` the process
// that loaded the configuration replaces itself by the supervisor (same pid), so that nothing heavy stays in memory.

import { announceNode, type LoadedConfig } from "#config";
import { openLog } from "./log.ts";
import { startOne } from "./one.ts";
import { systemClock, systemRandom } from "./ports.ts";
import { type PrepareOptions, prepareNode } from "./prepare.ts";
import { jsonLine, renderJson, renderText } from "./supervise/lines.ts";
import { superviseMain } from "./supervise/main.ts";

export interface RunOptions extends Omit<PrepareOptions, "loaded"> {
  readonly loaded: LoadedConfig;
}

/** Runs a node until it is stopped; the result is the exit code. */
export async function runNode(options: RunOptions): Promise<number> {
  const prepared = await prepareNode(options);
  const { boot, plan, planFile } = prepared;
  if (boot.config.processes === "one") return await runOne(prepared);
  // Taken off the list by the next start that finds nobody there: the supervisor loads nothing for it.
  announceNode(boot.paths.dataDir);
  // Taken back by the supervisor, which knows when it is over.
  announceNode(boot.paths.dataDir);
  const [program, ...args] = options.program;
  const exec = process.execve?.bind(process);
  // Where a process cannot replace itself, the supervisor runs in this one; it only weighs more.
  if (exec !== undefined && plan.parts.length > 0) {
    const environment = Object.entries(process.env).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, value] as const],
    );
    exec(program, [program, ...args, "run", "--supervise", planFile], Object.fromEntries(environment));
  }
  return await superviseMain(planFile);
}

async function runOne({ boot, plan }: Awaited<ReturnType<typeof prepareNode>>): Promise<number> {
  process.umask(0o077);
  const render = plan.logs === "json" ? renderJson : renderText;
  const line = (part: string, text: string): void => void process.stdout.write(`${render(part, text)}\n`);
  const log = openLog(boot, "node", (text) => line("node", text));
  const ports = { clock: systemClock, random: systemRandom, log };
  const node = await startOne(boot, plan, ports, {
    line,
    say: (level, text, fields) => line("node", jsonLine("node", level, text, fields)),
  });
  const withdraw = announceNode(boot.paths.dataDir);
  void node.ready.then(() => {
    const why = node.envoyAbsent();
    const how = why === undefined ? "" : `, without Envoy: ${why}`;
    log.info({}, `node ${boot.names.node} serves at ${boot.ingress}${how}`);
  });
  return await new Promise<number>((resolve) => {
    let asked = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (asked) {
        node.kill();
        resolve(signal === "SIGINT" ? 130 : 143);
        return;
      }
      asked = true;
      withdraw();
      node.stop().then(
        () => resolve(0),
        (error: unknown) => {
          log.error({ error: String(error) }, "the node did not stop in order");
          resolve(1);
        },
      );
    };
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, onSignal);
    process.stdout.on("error", () => {});
  });
}
