export type * from "./plugin.ts";
