// The ways in which this program starts a node and the processes of one. They come in before any parsing, because the supervisor,
// which is there first, must stay small, and a part must be back soon. What is to be read is read by a process of its own, that
// comes through here and is let past, as is a node that is asked for as one process: it needs no supervisor.

import { isPart, isReader, type RoleName, runNode, runOne, runPart, saysOne } from "#orchestrator";
import { programOf } from "./own-program.ts";

/** What is no node to run but an answer, or a part alone. */
const OTHERS = /^(--help|-h|--role(=.*)?)$/;

/** The exit code, or undefined: somebody else's command line. */
export async function inner(argv: readonly string[]): Promise<number | undefined> {
  const [verb, flag, value, more] = argv;
  if (verb !== "run" || isReader()) return undefined;
  // Nobody types these two.
  if (flag === "--one" && value !== undefined && more !== undefined) return await runOne(value, more);
  if (flag === "--role" && isPart()) return await runPart(value as RoleName);
  if (argv.some((each) => OTHERS.test(each)) || saysOne(argv, process.env)) return undefined;
  return await node(argv);
}

/** What the reader finds wrong it says itself; this is what goes wrong after it. */
async function node(argv: readonly string[]): Promise<number> {
  try {
    return await runNode(programOf(), argv);
  } catch (error) {
    return (await import("./program.ts")).failed(error, argv);
  }
}
