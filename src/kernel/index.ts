export { Effects, type EffectsStatus, type FailingEffect } from "./effects.ts";
export { equal } from "./equal.ts";
export { KernelError, type KernelErrorCode } from "./errors.ts";
export { type Cursor, History, type Read } from "./history.ts";
export { LIMITS, type LimitName } from "./limits.ts";
export { type Batch, type Input, Loop, type LoopOptions, type LoopStatus, type Submitted } from "./loop.ts";
export type { Outcome } from "./phases.ts";
export type * from "./plugin.ts";
export type { PluginState, PluginStatus } from "./roster.ts";
