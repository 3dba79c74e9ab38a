// The pure half of this room: what the node wants, as Envoy resources in their JSON form. No clock, no I/O, no bytes.

export type { EnvoyBase, IdentityMode, PartAddress } from "./base.ts";
export { partCluster, serviceCluster, serviceEndpoints } from "./cluster.ts";
export type { Served } from "./cluster.ts";
export { openInExtension, openInHost, openInListener, openInRoute } from "./closed.ts";
export { CLAIMS_HEADER, SUBJECT_HEADER, jwtExtension } from "./jwt.ts";
export { KEY_CHECK_PATH } from "./api-key.ts";
export { ingressListener } from "./listener.ts";
export * from "./names.ts";
export { firstRoutes, lastRoutes, unbuffered } from "./node-routes.ts";
export { PUBLIC_PATHS } from "./public.ts";
export { COLLECTOR, collectorService, headerSecretOf, resourceOf } from "./telemetry.ts";
export type { EnvoyTelemetry } from "./telemetry.ts";
export { ingressSecret } from "./secret.ts";
export { checkWant, hostForm, prefixForm, serviceHosts } from "./service-routes.ts";
export type { Refusal } from "./service-routes.ts";
export { egressListener } from "./egress-listener.ts";
export { egressRoutes } from "./egress-routes.ts";
export { pathsCluster } from "./paths-cluster.ts";
export { peerListener } from "./peer-listener.ts";
export { healthRoutes, peerRoutes } from "./peer-routes.ts";
export { nodeCertSecret, peersSecret, trustSecret } from "./peer-secrets.ts";
export type { Proven } from "./peer-secrets.ts";
export { checkExport, checkImport } from "./peering-check.ts";
export type { PeeringRefusal } from "./peering-check.ts";
export { openInEgressListener, openInPeerListener, openInPeerRoutes } from "./peering-closed.ts";
export * from "./peering-names.ts";
export { scopeOf } from "./scopes.ts";
