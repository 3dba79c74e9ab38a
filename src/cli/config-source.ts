// The configuration that a verb's files, the environment and its flags give.

import { type LoadedConfig, configFiles, loadConfig } from "#config";
import type { Call } from "./verb.ts";

export const configOf = ({ args, configFlags, env, cwd }: Call): Promise<LoadedConfig> =>
  loadConfig({ files: configFiles(args, env, cwd), env, flags: configFlags, cwd });

/** Whether the configuration's flags only say which node is meant. */
export const namesNode = ({ configFlags }: Call): boolean =>
  configFlags.every((each, index) => {
    const flag = each.startsWith("--") ? each : (configFlags[index - 1] ?? "");
    return /^--(node|data-dir)(=|$)/.test(flag);
  });
