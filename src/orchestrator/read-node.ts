// What the reader of `catalyst run` does (supervise/reader.ts): prepares the node of its configuration, and tells who started it.

import { announceNode } from "#config";
import { becomeOne } from "./become-one.ts";
import { type PrepareOptions, prepareNode } from "./prepare.ts";
import { type Files, tell } from "./supervise/told.ts";

/** The result is the exit code; what is wrong is thrown, and said to the user by who called. */
export async function readNode(options: PrepareOptions): Promise<number> {
  tell({ processes: options.loaded.config.processes });
  tell(await prepared(options));
  return 0;
}

/** Without a supervisor: this process is replaced by the one that holds all parts. */
export const runAsOne = async (options: PrepareOptions): Promise<number> =>
  await becomeOne(options.program, await prepared(options));

async function prepared(options: PrepareOptions): Promise<Files> {
  const { boot, planFile, bootFile } = await prepareNode(options);
  // Taken back when the node is over, by whoever knows it then.
  announceNode(boot.paths.dataDir);
  return { bootFile, planFile };
}
