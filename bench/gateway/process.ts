// Starts the processes of the benchmark, each pinned to a core where the machine allows it, and reads what they cost: user and
// system time from /proc, the same clock for every engine. Invariant: every process started here is ended by its handle.

import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";

const TICKS_PER_SECOND = 100;
const canPin = cpus().length > 1 && spawnSync("taskset", ["--version"]).error === undefined;

/** What is measured has a core of its own; all the rest shares the others. */
export type Place = "measured" | "rest";

export class Part implements Disposable {
  readonly #child: ChildProcess;

  constructor(file: string, place: Place) {
    const path = fileURLToPath(new URL(file, import.meta.url));
    const cores = place === "measured" ? "0" : `1-${cpus().length - 1}`;
    // The IPC channel survives taskset, which replaces itself by the program.
    const program = canPin ? "taskset" : process.execPath;
    const args = canPin ? ["-c", cores, process.execPath, path] : [path];
    this.#child = spawn(program, args, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  }

  send(message: object): void {
    this.#child.send(message);
  }

  next<Message>(): Promise<Message> {
    return new Promise((resolve, reject) => {
      const ended = (): void => reject(new Error("a part of the benchmark ended too early"));
      this.#child.once("exit", ended);
      this.#child.once("message", (message) => {
        this.#child.off("exit", ended);
        resolve(message as Message);
      });
    });
  }

  /** Seconds of CPU so far, all threads. */
  cpuSeconds(): number {
    const stat = readFileSync(`/proc/${this.#child.pid}/stat`, "utf8");
    // The name in parentheses may hold spaces; user and system time are fields 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  residentMb(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, "utf8");
    return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_024);
  }

  [Symbol.dispose](): void {
    if (this.#child.connected) this.#child.disconnect();
    this.#child.kill("SIGKILL");
  }
}
