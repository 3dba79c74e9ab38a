// The configuration is read by a process of its own: the same program with the same arguments, whose schema and command line leave
// the memory with it. What it finds wrong it tells the user itself.

import { spawn } from "node:child_process";
import { constants } from "node:os";
import { findProgram, guarded } from "./guard.ts";
import { LineSplitter } from "./lines.ts";
import { ENV, type PartPlan } from "./plan.ts";
import { type Files, type Processes, type Told, TOLD_FD } from "./told.ts";

export interface Read extends Files {
  readonly processes: Processes;
  /** Resolves when the reader is gone. */
  readonly gone: Promise<void>;
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** What the reader found, or the exit code of one that has said why there is nothing. `onProcesses` hears what is known first. */
export const readPlan = (
  program: PartPlan["command"],
  argv: readonly string[],
  onProcesses: (processes: Processes) => void,
): Promise<Read | number> =>
  new Promise((resolve, reject) => {
    // Who asks for the end asks the reader as well, and its end is the end of both.
    const hand = (signal: NodeJS.Signals): void => void reader.kill(signal);
    for (const signal of SIGNALS) process.on(signal, hand);
    const over = (): void => SIGNALS.forEach((signal) => process.off(signal, hand));
    // One that waits for a file that never comes (a pipe) would not see that nobody waits for it.
    const setpriv = findProgram("setpriv", process.env["PATH"] ?? "");
    const command = [...program, ...argv] as const;
    const [file, ...args] = setpriv === undefined ? command : guarded(command, setpriv);
    const reader = spawn(file, args, {
      stdio: ["inherit", "inherit", "inherit", "pipe"],
      env: { ...process.env, [ENV.reader]: "1" },
    });
    const gone = Promise.withResolvers<void>();
    let processes: Processes = "split";
    const lines = new LineSplitter((line) => {
      const told = JSON.parse(line) as Told;
      if ("processes" in told) {
        processes = told.processes;
        onProcesses(processes);
      } else {
        over();
        resolve({ ...told, processes, gone: gone.promise });
      }
    });
    const pipe = reader.stdio[TOLD_FD];
    if (pipe !== null && pipe !== undefined && "setEncoding" in pipe) {
      pipe.setEncoding("utf8");
      pipe.on("data", (chunk: string) => lines.push(chunk));
    }
    reader.once("error", reject);
    reader.once("close", (code, signal) => {
      over();
      gone.resolve();
      resolve(signal === null ? (code ?? 1) : 128 + constants.signals[signal]);
    });
  });
