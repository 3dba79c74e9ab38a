// One call of the program: understands the arguments, runs the verb, tells the answer or the failure, ends with the right exit
// code. The first Ctrl-C asks the verb to end, the second one ends the program; a reader that went away ends it quietly.

import { systemErrorName } from "./system-error.ts";
import { EXIT, asCatalystError, exitCode, failureJson, failureText } from "./failure.ts";
import { Output } from "./output.ts";
import type { Call } from "./verb.ts";

export async function main(argv: readonly string[]): Promise<void> {
  const code = await run(argv);
  // Whatever is still open (a socket that was not answered) must not keep a finished program alive.
  process.stdout.write("", () => process.stderr.write("", () => process.exit(code)));
}

async function run(argv: readonly string[]): Promise<number> {
  const json = argv.includes("--json");
  const color =
    !argv.includes("--no-color") && (process.env["NO_COLOR"] ?? "") === "" && process.env["TERM"] !== "dumb";
  const quiet = argv.includes("--quiet");
  let out = new Output({ json, quiet, color }, process.stdout, process.stderr);
  try {
    const { parse } = await import("./parse.ts");
    const parsed = parse(argv);
    if (parsed.kind === "help") {
      process.stdout.on("error", endQuietly);
      const { helpText } = await import("./help.ts");
      out.write(helpText(parsed.words));
      return EXIT.ok;
    }
    const { verb } = parsed;
    out = new Output(
      { json: parsed.globals.json, quiet, color, secret: verb.secret },
      process.stdout,
      process.stderr,
    );
    const signal = verb.stays === true ? new AbortController().signal : untilInterrupted();
    if (verb.stays !== true) process.stdout.on("error", endQuietly);
    process.stderr.on("error", () => undefined); // nobody is left to be told
    const { readArguments } = await import("./arguments.ts");
    const given = readArguments(verb, parsed.argv);
    const { globals } = parsed;
    return await answer({ verb, ...given, globals, out, signal, env: process.env, cwd: process.cwd() });
  } catch (error) {
    const failure = asCatalystError(error);
    out.warn(json ? failureJson(failure) : failureText(failure, out.errorStyle));
    return exitCode(failure);
  }
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

function untilInterrupted(): AbortSignal {
  const controller = new AbortController();
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
