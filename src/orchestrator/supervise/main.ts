// The supervisor of `split`: reads the plan, takes the lock of the data directory, runs the parts, writes their logs, ends them in
// order. Imports `node:` modules only; it lives as long as the node and must stay small.

import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { PartName } from "#rpc";
import { systemClock, systemRandom } from "../ports.ts";
import { jsonLine, type Level, renderJson, renderText } from "./lines.ts";
import { LinkServer } from "./link.ts";
import { takeLock } from "./lock.ts";
import { ENV, type NodePlan } from "./plan.ts";
import { Supervisor } from "./supervisor.ts";

const ORDER: readonly Level[] = ["debug", "info", "warn", "error"];

/** Runs the parts of a plan until the node is stopped; the result is the exit code. `early`: processes that wait for theirs. */
export const superviseMain = async (
  planFile: string,
  early: ReadonlyMap<PartName, ChildProcess>,
): Promise<number> => {
  const plan = JSON.parse(readFileSync(planFile, "utf8")) as NodePlan;
  const lock = await takeLock(plan.dataDir);
  const render = plan.logs === "json" ? renderJson : renderText;
  const line = (part: string, text: string): void => {
    process.stdout.write(`${render(part, text)}\n`);
  };
  const say = (level: Level, text: string, fields: object = {}): void => {
    if (ORDER.indexOf(level) >= ORDER.indexOf(plan.logLevel))
      line("supervisor", jsonLine("supervisor", level, text, fields));
  };
  const log = {
    debug: (fields: object, text: string) => say("debug", text, fields),
    info: (fields: object, text: string) => say("info", text, fields),
    warn: (fields: object, text: string) => say("warn", text, fields),
    error: (fields: object, text: string) => say("error", text, fields),
  };
  const link: LinkServer = new LinkServer({
    state: (part, pid, ready, reason) => supervisor.heard(part, pid, ready, reason),
    alive: (part, pid) => supervisor.answered(part, pid),
    restart: (part) => void supervisor.restart(part),
  });
  const failure = Promise.withResolvers<number>();
  const supervisor = new Supervisor(
    plan,
    { clock: systemClock, random: systemRandom, log },
    {
      changed: (parts) => link.tell(parts),
      ask: (part, pid) => link.ask(part, pid),
      line,
      say,
      failed: (part, reason) => {
        void supervisor.stop().then(() => {
          process.stderr.write(failureText(part, reason));
          failure.resolve(1);
        });
      },
    },
  );
  await link.listen(join(plan.runDir, "supervisor.sock"));
  const code = stopped(supervisor, say);
  supervisor.start(early);
  try {
    return await Promise.race([code, failure.promise]);
  } finally {
    link.close();
    lock.release();
    await withdraw(plan.dataDir);
  }
};

/** In the form of the command line's errors, whose code would weigh too much here. */
const failureText = (part: string, reason: string): string =>
  `error: the part ${part} does not start: ${reason} [ERR_PART_DOWN]\n` +
  "try:   remove what it names, or report its lines in the log above: they say where\n" +
  "see:   docs/reference/errors.md#err_part_down\n";

/** Takes the node off the list of those that run here (the reader put it there); loaded only now, when size no longer matters. */
const withdraw = async (dataDir: string): Promise<void> => {
  const { announceNode } = await import("#config");
  announceNode(dataDir)();
};

/** Resolves with the exit code: first signal drains, the second ends at once. */
const stopped = (supervisor: Supervisor, say: (level: Level, text: string) => void): Promise<number> =>
  new Promise((resolve) => {
    let asked = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (asked) {
        supervisor.kill();
        resolve(signal === "SIGINT" ? 130 : 143);
        return;
      }
      asked = true;
      say("info", `${signal}: draining; once more ends at once`);
      supervisor.stop().then(
        () => resolve(0),
        () => resolve(1),
      );
    };
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
    process.on("SIGHUP", onSignal);
    // Whoever started this node wants it to end with them (`catalyst demo`).
    if (process.env[ENV.watchStdin] === "1") {
      process.stdin.on("end", () => onSignal("SIGTERM"));
      process.stdin.on("error", () => onSignal("SIGTERM"));
      process.stdin.resume();
    }
    // A closed terminal or log pipe must not take the node down by an unhandled EPIPE.
    process.stdout.on("error", () => {});
    process.stderr.on("error", () => {});
  });
