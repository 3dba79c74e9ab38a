// The door of the configuration room. It is light: names, paths, flags as a plain table. The schema and its validator load
// with the first call of `loadConfig`, so that help, completion and client verbs never pay for them.

import type { LoadRequest, LoadedConfig } from "./load.ts";
import type { Config } from "./schema.ts";

export * from "./directories.ts";
export { DEFAULT_FILES, configFiles } from "./default-files.ts";
export { OTHER_VARIABLES, ROOT, nearestFlag, parseFlags, toEnv, toFlags } from "./flags.ts";
export { OPTIONS } from "./flags.generated.ts";
export { distance, nearest } from "./nearest.ts";
export * from "./paths.ts";
export { exportRuleOf, importRuleOf, peerOf } from "./peer-defaults.ts";
export type { Peering } from "./peer-defaults.ts";
export type { ExportRuleConfig, ImportRuleConfig, PeerConfig } from "./peering.ts";
export type { Problem } from "./problems.ts";
export type { Config, ConfigInput } from "./schema.ts";
export { readSecret } from "./secrets.ts";
export type { SecretSource } from "./secrets.ts";
export { encode, pathText, readPath, withoutDefaults } from "./shape.ts";
export type { Field, Option, Path, Shape } from "./shape.ts";
export { readText } from "./text.ts";
export { originText } from "./tree.ts";
export type { Origin } from "./tree.ts";
export { readDuration, readSize, writeDuration, writeSize } from "./units.ts";
export type { ConfigSource, LoadRequest, LoadedConfig } from "./load.ts";

/** Files, environment and flags as one configuration; throws ERR_CONFIG_INVALID with every problem in `detail`. */
export async function loadConfig(request?: LoadRequest): Promise<LoadedConfig> {
  return (await import("./load.ts")).loadConfig(request);
}

/** One service, judged as the configuration would; throws ERR_CONFIG_INVALID with every problem in `detail`. */
export async function loadService(
  service: unknown,
  organization: string,
): Promise<Config["services"][number] | undefined> {
  return (await import("./load.ts")).loadService(service, organization);
}

/** The schemas of schema.ts, for whoever checks a part of a configuration (`service add`, a plugin's settings). */
export const configSchema = (): Promise<typeof import("./schema.ts")> => import("./schema.ts");

/** The JSON Schema of the configuration, as editors get it. */
export const publishedSchema = async (): Promise<object> =>
  (await import("./json-schema.ts")).publishedSchema();
