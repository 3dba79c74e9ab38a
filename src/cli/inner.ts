// The two ways in which this program starts itself: as the supervisor of a node, and as a part under it. They come in before any
// parsing, because a supervisor must stay small and a part must be back soon. Nobody types them.

import { type RoleName, runPart, superviseNode } from "#orchestrator";

/** The exit code, or undefined: somebody else's command line. */
export async function inner(argv: readonly string[]): Promise<number | undefined> {
  const [verb, flag, value] = argv;
  if (verb !== "run" || value === undefined) return undefined;
  if (flag === "--supervise") return await superviseNode(value);
  if (flag === "--role" && process.env["_CATALYST_BOOT"] !== undefined)
    return await runPart(value as RoleName);
  return undefined;
}
