// The gateway's only door: one GraphQL graph over all services, configured by RPC, swapped without losing a request.

export { createGateway } from "./gateway.ts";
export type { Gateway, GatewayOptions, Listening, ListenOptions } from "./gateway.ts";
export type { GatewayInstruments } from "./instruments.ts";
export type { DirectIdentityOptions } from "./serve/identity.ts";
export { readSchema } from "./schema/read.ts";
export type { ReadSchemaOptions, ServiceSchema } from "./schema/read.ts";
