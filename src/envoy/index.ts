// The only door of the room: Envoy's configuration as wants, its xDS server, its process.

export { EnvoyConfigurator } from "./configurator.ts";
export type { Flushed } from "./configurator.ts";
export { CLAIMS_HEADER, KEY_CHECK_PATH, PUBLIC_PATHS, SUBJECT_HEADER } from "./translate/index.ts";
export type { EnvoyBase, EnvoyTelemetry, IdentityMode, PartAddress } from "./translate/index.ts";
export { publishedResources } from "./resources.ts";
export type { PublishedResource } from "./resources.ts";
export { PeeringConfigurator } from "./peering.ts";
export type { PeeringFlushed } from "./peering.ts";
export type { Certificate } from "./prepare-peering.ts";
export type { PeeringBase, PeeringTrust } from "./translate/index.ts";
export type { Verdict } from "./verdict.ts";
export { XdsServer } from "./xds/index.ts";
export type { XdsServerOptions, XdsStatus } from "./xds/index.ts";
export { askEnvoy, drain, envoyInfo, envoyStats, envoyTraffic, probeReady } from "./process/admin.ts";
export type { AdminAnswer, EnvoyInfo, EnvoyTraffic } from "./process/admin.ts";
export { findEnvoy } from "./process/binary.ts";
export type { FindOptions } from "./process/binary.ts";
export { bootstrap, writeBootstrap } from "./process/bootstrap.ts";
export type { BootstrapOptions } from "./process/bootstrap.ts";
export type { CollectorOptions } from "./process/collector.ts";
export { envoyCommand } from "./process/command.ts";
export type { Command, EnvoyCommandOptions } from "./process/command.ts";
export { ENVOY_SHA256, ENVOY_VERSION } from "./process/pinned.ts";
