// Every name that one xDS resource uses to speak of another, kept once, so that a reference cannot be misspelt: Envoy
// answers a misspelt `typed_per_filter_config` name with "closed" at best and takes a misspelt ECDS name for one that may
// still come (docs/internals/envoy.md).

import type { Messages } from "../generated/messages.ts";
import type { ServiceName } from "#routing";

export const INGRESS = "ingress";
export const GATEWAY_CLUSTER = "gateway";
export const AUTH_CLUSTER = "auth";
export const INGRESS_SECRET = "ingress-cert";
/** Provider of jwt_authn, key of its claims in the dynamic metadata, and the one requirement there is. */
export const PROVIDER = "own";

/** HTTP filters in the order a request meets them. */
export const FILTER = {
  /** ext_authz: an API key for a token. Off but on routes that match one. */
  key: "catalyst.key",
  /** jwt_authn, by ECDS. */
  jwt: "catalyst.jwt",
  deny: "catalyst.rbac.deny",
  allow: "catalyst.rbac.allow",
  buffer: "envoy.filters.http.buffer",
  router: "envoy.filters.http.router",
} as const;

export const clusterOf = (service: ServiceName): string => `svc:${service}`;
/** Undefined when the cluster is none of a service. */
export const serviceOf = (cluster: string): ServiceName | undefined =>
  cluster.startsWith("svc:") ? cluster.slice("svc:".length) : undefined;

export const ADS = { ads: {}, resource_api_version: "V3" } as const;

export type Route = Messages["envoy.config.route.v3.Route"];
export type RouteMatch = Messages["envoy.config.route.v3.RouteMatch"];
export type VirtualHost = Messages["envoy.config.route.v3.VirtualHost"];
export type Cluster = Messages["envoy.config.cluster.v3.Cluster"];
export type Endpoints = Messages["envoy.config.endpoint.v3.ClusterLoadAssignment"];
export type Listener = Messages["envoy.config.listener.v3.Listener"];
export type Extension = Messages["envoy.config.core.v3.TypedExtensionConfig"];
export type Secret = Messages["envoy.extensions.transport_sockets.tls.v3.Secret"];
export type Address = Messages["envoy.config.core.v3.Address"];
