// The single process of `one`: reads what was prepared, runs all parts, ends in order on the first signal and at once on the
// second. What it says of itself goes through the same lines as the parts' logs do in `split`.

import { readFileSync } from "node:fs";
import { announceNode } from "#config";
import { spareFetch } from "#rpc";
import { readBoot } from "./boot.ts";
import { openLog } from "./log.ts";
import { startOne } from "./one.ts";
import { systemClock, systemRandom } from "./ports.ts";
import { collectAfterStart } from "./settle.ts";
import { jsonLine, renderJson, renderText } from "./supervise/lines.ts";
import { ENV, type NodePlan } from "./supervise/plan.ts";

/** The result is the exit code. */
export async function runOne(bootFile: string, planFile: string): Promise<number> {
  process.umask(0o077);
  spareFetch();
  const boot = readBoot(bootFile);
  const plan = JSON.parse(readFileSync(planFile, "utf8")) as NodePlan;
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
    collectAfterStart(systemClock);
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
    // Whoever started this node wants it to end with them (`catalyst demo`).
    if (process.env[ENV.watchStdin] === "1") {
      process.stdin.on("end", () => onSignal("SIGTERM"));
      process.stdin.on("error", () => onSignal("SIGTERM"));
      process.stdin.resume();
    }
    process.stdout.on("error", () => {});
  });
}
