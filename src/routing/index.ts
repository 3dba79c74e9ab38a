export type * from "./plugin.ts";
export type * from "./service.ts";
