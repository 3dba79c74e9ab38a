export type { Config, ConfigInput } from "./schema.ts";
