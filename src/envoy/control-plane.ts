// What whoever configures a running Envoy needs; it loads protobuf, the messages and the xDS server (100 ms of processor time),
// so the door loads it when it is asked for.

export { ClusterUsers } from "./cluster-users.ts";
export { EnvoyConfigurator } from "./configurator.ts";
export { PeeringConfigurator } from "./peering.ts";
export { askEnvoy, drain, envoyInfo, envoyStats, envoyTraffic, probeReady } from "./process/admin.ts";
export { publishedResources } from "./resources.ts";
export { XdsServer } from "./xds/index.ts";
