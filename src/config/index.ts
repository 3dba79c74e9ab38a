// The door of the configuration room. It is light: paths and names only. Whoever needs the schema and its validator loads
// them by calling `loadConfig`, so that help, completion and client verbs never do.

export * from "./directories.ts";
export * from "./paths.ts";
export type { Config, ConfigInput } from "./schema.ts";
