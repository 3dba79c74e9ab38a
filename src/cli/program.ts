// One call of the program: understands the arguments, runs the verb, tells the answer or the failure, ends with the right exit
// code. The first Ctrl-C asks the verb to end, the second one ends the program; a reader that went away ends it quietly.

import { systemErrorName } from "./system-error.ts";
import { EXIT, asCatalystError, exitCode, failureJson, failureText } from "./failure.ts";
import { Output, type OutputOptions, type Stream } from "./output.ts";
import type { Call } from "./verb.ts";

/** What the program touches of the world; tests bring their own. */
export interface World {
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly env: Call["env"];
  readonly cwd: string;
  /** Called once, before the verb: `stays` = the verb itself cares for signals and closed outputs. */
  begin(stays: boolean): AbortSignal;
}

export async function main(argv: readonly string[]): Promise<void> {
  const { stdout, stderr, env } = process;
  const code = await runProgram(argv, { stdout, stderr, env, cwd: process.cwd(), begin });
  // Whatever is still open (a socket that was not answered) must not keep a finished program alive.
  stdout.write("", () => stderr.write("", () => process.exit(code)));
}

/** Tells answer or failure, and gives the exit code. */
export async function runProgram(argv: readonly string[], world: World): Promise<number> {
  const { stdout, stderr, env, cwd } = world;
  const options = outputOptions(argv, env);
  let out = new Output(options, stdout, stderr);
  try {
    const { parse } = await import("./parse.ts");
    const parsed = parse(argv);
    if (parsed.kind === "help") {
      world.begin(false);
      const { helpText } = await import("./help.ts");
      out.write(helpText(parsed.words));
      return EXIT.ok;
    }
    const { verb, globals } = parsed;
    out = new Output({ ...options, json: globals.json, secret: verb.secret }, stdout, stderr);
    const { readArguments } = await import("./arguments.ts");
    const given = readArguments(verb, parsed.argv);
    const signal = world.begin(verb.stays === true);
    return await answer({ verb, ...given, globals, out, signal, env, cwd });
  } catch (error) {
    return tellFailure(error, out, options.json);
  }
}

/** Tells what went wrong outside of a verb; the result is the exit code. */
export const failed = (error: unknown, argv: readonly string[]): number => {
  const options = outputOptions(argv, process.env);
  return tellFailure(error, new Output(options, process.stdout, process.stderr), options.json);
};

function outputOptions(argv: readonly string[], env: Call["env"]): OutputOptions {
  const plain = (env["NO_COLOR"] ?? "") !== "" || env["TERM"] === "dumb" || argv.includes("--no-color");
  return { json: argv.includes("--json"), quiet: argv.includes("--quiet"), color: !plain };
}

function tellFailure(error: unknown, out: Output, json: boolean): number {
  const failure = asCatalystError(error);
  out.warn(json ? failureJson(failure) : failureText(failure, out.errorStyle));
  return exitCode(failure);
}

async function answer(call: Call): Promise<number> {
  const { run: runVerb } = await call.verb.load();
  try {
    const result = await runVerb(call);
    if (typeof result === "number") return result;
    call.out.answer(result);
    return result.code ?? EXIT.ok;
  } catch (error) {
    // What an interrupted verb says about it is of no use to who interrupted it.
    if (call.signal.aborted) return INTERRUPTED;
    throw error;
  }
}

/** 128 + SIGINT, as shells say it. */
const INTERRUPTED = 130;

function begin(stays: boolean): AbortSignal {
  const controller = new AbortController();
  process.stderr.on("error", () => undefined); // nobody is left to be told
  if (stays) return controller.signal;
  process.stdout.on("error", endQuietly);
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(INTERRUPTED);
    controller.abort();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return controller.signal;
}

/** `catalyst events | head -1`: the reader has what it wanted. */
function endQuietly(error: Error): void {
  process.exit(systemErrorName(error) === "EPIPE" ? EXIT.ok : EXIT.failed);
}
