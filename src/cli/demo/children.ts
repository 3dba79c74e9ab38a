// The processes of a demonstration: each in a group of its own (Ctrl-C in the terminal reaches the demonstration only, which ends
// them in order) and with a pipe as stdin, so that they end by themselves when the demonstration is killed.

import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, type WriteStream } from "node:fs";

export class Child {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #log: WriteStream;
  readonly #ended: Promise<void>;
  readonly #firstLine: Promise<string>;
  /** What it said last that explains a failure: the error of the command line, else an error of its log, else its last line. */
  last = "";
  #said: "nothing" | "line" | "logged" | "error" = "nothing";
  #over: string | undefined;

  constructor(
    name: string,
    command: readonly [string, ...string[]],
    options: { readonly log: string; readonly env?: Readonly<Record<string, string>>; readonly cwd: string },
  ) {
    this.name = name;
    const [program, ...args] = command;
    this.#log = createWriteStream(options.log, { mode: 0o600 });
    // A folder that is going away takes its logs along.
    this.#log.on("error", () => {});
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...plainEnvironment(), ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    });
    this.#process = child;
    child.stdin?.on("error", () => {});
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#firstLine = promise;
    let first = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      first += chunk.toString();
      if (first.includes("\n")) resolve(first.slice(0, first.indexOf("\n")));
      first = first.slice(0, 4_096);
      this.#write(chunk);
    });
    child.stderr?.on("data", (chunk: Buffer) => this.#write(chunk));
    this.#ended = new Promise((done) => {
      const end = (why: string) => (): void => {
        this.#over ??= why;
        resolve("");
        done();
      };
      child.once("error", (error) => end(error.message)());
      child.once("close", (code, signal) => end(`ended with ${signal ?? code ?? "nothing"}`)());
    });
  }

  /** Why it is not there any more; undefined while it runs. */
  get over(): string | undefined {
    if (this.#over === undefined) return undefined;
    return this.last === "" ? this.#over : `${this.#over}: ${this.last}`;
  }

  /** First line of its output; empty when it ended without one. */
  firstLine(): Promise<string> {
    return this.#firstLine;
  }

  /** In order: SIGTERM, and after the grace SIGKILL for its whole group. */
  async stop(graceMs: number): Promise<void> {
    if (this.#over === undefined) {
      this.#process.kill("SIGTERM");
      const timer = setTimeout(() => this.kill(), graceMs);
      await this.#ended;
      clearTimeout(timer);
    }
    await new Promise<void>((resolve) => this.#log.end(resolve));
  }

  /** Now. A supervisor's parts end with it, by their pipes. */
  kill(): void {
    const { pid } = this.#process;
    if (this.#over !== undefined || pid === undefined) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      return; // it ended in this moment
    }
  }

  #write(chunk: Buffer): void {
    this.#log.write(chunk);
    const lines = chunk.toString().trimEnd().split("\n");
    // What ended it stands in the line that says so, and in what follows that line. Output and errors come by two pipes, so a
    // log line may be read after it.
    const error = lines.findIndex((line) => line.startsWith("error:"));
    const logged = lines.findLast((line) => line.startsWith('{"level":"error"'));
    if (error >= 0) this.#tell("error", lines.slice(error).join("\n"));
    else if (logged !== undefined && this.#said !== "error") this.#tell("logged", logged);
    else if (this.#said === "nothing" || this.#said === "line") this.#tell("line", lines.at(-1) ?? "");
  }

  #tell(kind: "line" | "logged" | "error", text: string): void {
    this.#said = kind;
    this.last = text.slice(0, 1_000);
  }
}

/** Variables that configure the reader's own node are none of the demonstration's; where Envoy lies is. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const kept = new Set(["CATALYST_NODE", "CATALYST_ENVOY_PATH"]);
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("CATALYST_") || kept.has(name)),
  );
}
