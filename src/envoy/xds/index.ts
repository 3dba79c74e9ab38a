// The xDS half of this room: the snapshot and its delivery. It knows resources as names and bytes, not what they mean.

export { XdsServer } from "./server.ts";
export type { XdsServerOptions, XdsStatus } from "./server.ts";
export { TYPES, TYPE_URL, XDS_LIMITS, refOf } from "./types.ts";
export type { Change, Outcome, Ref, ResourceType } from "./types.ts";
