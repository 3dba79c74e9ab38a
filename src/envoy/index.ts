// The only door of the room: Envoy's configuration as wants, its xDS server, its process. It is light: whoever only finds and
// starts an Envoy loads nothing of the other two, which come with `controlPlane`.

export type { EnvoyConfigurator, Flushed } from "./configurator.ts";
export { CLAIMS_HEADER, KEY_CHECK_PATH, PUBLIC_PATHS, SUBJECT_HEADER } from "./translate/index.ts";
export type { EnvoyBase, EnvoyTelemetry, IdentityMode, PartAddress } from "./translate/index.ts";
export type { PublishedResource } from "./resources.ts";
export type { PeeringConfigurator, PeeringFlushed } from "./peering.ts";
export type { Certificate } from "./prepare-peering.ts";
export type { PeeringBase, PeeringTrust } from "./translate/index.ts";
export type { Verdict } from "./verdict.ts";
export type { XdsServer, XdsServerOptions, XdsStatus } from "./xds/index.ts";
export type { AdminAnswer, EnvoyInfo, EnvoyTraffic } from "./process/admin.ts";
export { findEnvoy } from "./process/binary.ts";
export type { FindOptions } from "./process/binary.ts";
export { bootstrap, writeBootstrap } from "./process/bootstrap.ts";
export type { BootstrapOptions } from "./process/bootstrap.ts";
export type { CollectorOptions } from "./process/collector.ts";
export { envoyCommand } from "./process/command.ts";
export type { Command, EnvoyCommandOptions } from "./process/command.ts";
export { ENVOY_SHA256, ENVOY_VERSION } from "./process/pinned.ts";

/** The configurators, the xDS server and what is asked of a running Envoy. */
export const controlPlane = (): Promise<typeof import("./control-plane.ts")> => import("./control-plane.ts");
