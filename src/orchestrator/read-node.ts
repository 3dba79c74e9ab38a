// What the reader of `catalyst run` does (supervise/reader.ts): prepares the node of its configuration, and tells who started it.

import { announceNode } from "#config";
import { type PrepareOptions, prepareNode } from "./prepare.ts";
import { tell } from "./supervise/told.ts";

/** The result is the exit code; what is wrong is thrown, and said to the user by who called. */
export async function readNode(options: PrepareOptions): Promise<number> {
  tell({ processes: options.loaded.config.processes });
  const { boot, planFile, bootFile } = await prepareNode(options);
  // Taken back when the node is over, by whoever knows it then.
  announceNode(boot.paths.dataDir);
  tell({ bootFile, planFile });
  return 0;
}
