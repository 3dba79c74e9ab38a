// The ways in which this program starts itself: as the supervisor of a node, as a part under it, or as all parts in one. They come
// in before any parsing, because a supervisor must stay small and a part must be back soon. Nobody types them.

import { type RoleName, runOne, runPart, superviseNode } from "#orchestrator";

/** The exit code, or undefined: somebody else's command line. */
export async function inner(argv: readonly string[]): Promise<number | undefined> {
  const [verb, flag, value, more] = argv;
  if (verb !== "run" || value === undefined) return undefined;
  if (flag === "--supervise") return await superviseNode(value);
  if (flag === "--one" && more !== undefined) return await runOne(value, more);
  if (flag === "--role" && process.env["_CATALYST_BOOT"] !== undefined)
    return await runPart(value as RoleName);
  return undefined;
}
