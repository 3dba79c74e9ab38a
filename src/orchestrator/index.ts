// The orchestrator's only door, kept light: each function loads what it needs when it is called, because the supervisor process
// comes through here too and must stay small.

import type { Replayed } from "#kernel";
import type { PluginUse } from "./plugins/index.ts";
import type { PrepareOptions } from "./prepare.ts";
import type { RoleName } from "./roles/process.ts";
import { ENV } from "./supervise/plan.ts";

export type { PrepareOptions } from "./prepare.ts";
export type { RoleName } from "./roles/process.ts";
export { VERSION } from "./version.ts";

/** Runs the node of a command line (`run …`) until it is stopped; the result is the exit code. */
export const runNode = async (program: PrepareOptions["program"], argv: readonly string[]): Promise<number> =>
  await (await import("./run-node.ts")).runNode(program, argv);

/** Whether these words ask for one process before anything is parsed; a file may still do so. */
export const saysOne = (argv: readonly string[], env: NodeJS.ProcessEnv): boolean =>
  env["CATALYST_PROCESSES"] === "one" || /(^| )--processes[ =]one( |$)/.test(argv.join(" "));

/** Runs the node of a configuration as one process, in this one's place; the result is the exit code. */
export const runAsOne = async (options: PrepareOptions): Promise<number> =>
  await (await import("./read-node.ts")).runAsOne(options);

/** Whether `runNode` started this process, to have the configuration read. */
export const isReader = (): boolean => process.env[ENV.reader] === "1";

/** Whether a supervisor started this process, as a part. */
export const isPart = (): boolean => process.env[ENV.part] === "1";

/** Prepares the node of a configuration, for `runNode`; the result is the exit code. */
export const readNode = async (options: PrepareOptions): Promise<number> =>
  await (await import("./read-node.ts")).readNode(options);

/** The single process of `one`; the result is the exit code. */
export const runOne = async (bootFile: string, planFile: string): Promise<number> =>
  await (await import("./run-one.ts")).runOne(bootFile, planFile);

/** One part: under its supervisor, or alone (`options`) as a container; the result is the exit code. */
export const runPart = async (role: RoleName, options?: PrepareOptions): Promise<number> =>
  await (await import("./roles/process.ts")).runPart(role, options);

/**
 * Steps a fresh loop through a record, with the plugins of `uses` where it was made with some; throws ERR_RECORD_INVALID or
 * ERR_REPLAY_DIVERGED with the line.
 */
export const replayRecord = async (
  lines: AsyncIterable<string>,
  uses: () => Promise<{ readonly plugins: readonly PluginUse[]; readonly baseDir: string }>,
): Promise<Replayed> => {
  const { replayRecord: run } = await import("./replay.ts");
  return await run(lines, async (_, node) => {
    const { loadPlugins } = await import("./plugins/index.ts");
    const { plugins, baseDir } = await uses();
    return await loadPlugins(plugins, { node, baseDir });
  });
};
