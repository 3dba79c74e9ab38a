// The only door of this room: the contracts between parts, the error codes, and the guarded RPC transport.
// Whatever is heavy (capnweb, sockets, zod) loads with its first use, so that the supervisor and the CLI may
// import this door for nothing.

import type { Address, ConnectOptions } from "./connect.ts";
import type { Exposed } from "./expose.ts";
import type { Listen, ServeOptions, Server } from "./serve.ts";
import type { Session } from "./session-types.ts";
import { spareFetch } from "./spare.ts";

export type * from "./admin.ts";
export type * from "./admin-peering.ts";
export type * from "./auth.ts";
export * from "./errors.ts";
export * from "./gateway.ts";
export * from "./peer.ts";
export { sayFrame } from "./peer-frame.ts";
export * from "./sdk.ts";
export type * from "./supervisor.ts";

export type { Reference } from "./callback.ts";
export { expose, exposeLater } from "./expose.ts";
export type { ArgumentSchema, Exposed, Methods } from "./expose.ts";
export { DEFAULT_RPC_LIMITS, OWN_PARTS_RPC_LIMITS } from "./limits.ts";
export type { RpcLimits } from "./limits.ts";
export { reconnecting } from "./reconnecting.ts";
export type { Reconnecting, ReconnectingOptions } from "./reconnecting.ts";
export { spareFetch } from "./spare.ts";
export { silentLog, systemClock, systemRandom } from "./ports.ts";
export type { Address, ConnectOptions } from "./connect.ts";
export type { Listen, ServeOptions, Server, Upgradable } from "./serve.ts";
export type { Borrowed, Session, SessionOptions, SessionStats } from "./session-types.ts";

/** Opens a session to a socket or an address. */
export async function connect<T extends object>(
  address: Address,
  options?: ConnectOptions<T>,
): Promise<Session<T>> {
  spareFetch();
  return await (await import("./connect.ts")).connect<T>(address, options);
}

/** Opens a session over a stream of the caller's making. */
export async function connectOver<T extends object>(
  ...args: Parameters<typeof import("./connect.ts").connectOver<T>>
): Promise<Session<T>> {
  return await (await import("./connect.ts")).connectOver<T>(...args);
}

/** Two ends of a session in one process, under the same limits: `[the caller's end, the serving end]`. */
export async function pair<T extends object, Back extends object = object>(
  makeMain: (session: Session<Back>) => Exposed,
  options?: ConnectOptions<T>,
): Promise<readonly [Session<T>, Session<Back>]> {
  spareFetch();
  return (await import("./connect.ts")).pair<T, Back>(makeMain, options);
}

/** Accepts sessions; `makeMain` says, per session, what the caller may call. */
export async function serve<Back extends object = object>(
  listen: Listen,
  makeMain: Parameters<typeof import("./serve.ts").serve<Back>>[1],
  options?: ServeOptions,
): Promise<Server> {
  spareFetch();
  return await (await import("./serve.ts")).serve<Back>(listen, makeMain, options);
}

/** Argument schemas of the contracts, for `expose`. */
export const gatewaySchema = (): Promise<typeof import("./gateway-schema.ts")> =>
  import("./gateway-schema.ts");
export const adminSchema = (): Promise<typeof import("./admin-schema.ts")> => import("./admin-schema.ts");
export const authSchema = (): Promise<typeof import("./auth-schema.ts")> => import("./auth-schema.ts");
/** The schema of an argument that is a function of the caller, for further contracts. */
export const callbackSchema = (): Promise<typeof import("./callback.ts")> => import("./callback.ts");
export const peerSchema = (): Promise<typeof import("./peer-schema.ts")> => import("./peer-schema.ts");
export const sdkSchema = (): Promise<typeof import("./sdk-schema.ts")> => import("./sdk-schema.ts");
