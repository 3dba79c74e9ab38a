// Names and plain inputs of everything between nodes. Both listeners find a request's routes by scope, one RouteConfiguration
// per service, so that a change costs the same with ten services or ten thousand. Envoy hands every scope to every listener
// with scopes, and two scopes with one key are refused: so keys of the two sides differ in length (scopes.ts).

import type { NodeName, OrgName } from "#routing";
import type { Messages } from "../generated/messages.ts";
import { isHostName } from "./address.ts";

/** What a node says once; without an address the listener is not opened. */
export interface PeeringBase {
  readonly node: NodeName;
  /** Where peers come in: mTLS, for every protocol. */
  readonly peer?: { readonly address: string; readonly port: number };
  /** Where own programs ask for services of peers; loopback. */
  readonly egress?: { readonly address: string; readonly port: number };
}

/** How nodes know each other: by certificate, or by the name that each tells (`identity.mode: none`). Never changes. */
export type Between = "certificate" | "none";

/** Certificates of the nodes of one organization are issued by this. */
export interface PeeringTrust {
  readonly nodes: readonly NodeName[];
  /** PEM of one or more CAs; undefined: they are believed by name, which is refused but between "none". */
  readonly pem: string | undefined;
}

export type Side = "peer" | "egress";
export const PEER = "peer";
export const EGRESS = "egress";
export const NODE_CERT = "node-cert";
/** Whose certificates the peer listener believes. */
export const PEERS_SECRET = "peers";
/** Peers ask this host whether the node is well. */
export const HEALTH_HOST = "health.catalyst.internal";
/** Nodes a request went through, first one first. */
export const PATH_HEADER = "x-catalyst-path";
/** Named by the node that has no route to a service: nothing of the request went further, and another node may have one. */
export const NO_ROUTE_HEADER = "x-catalyst-no-route";
export const GUARD_FILTER = "catalyst.guard";
/** Alternatives Envoy holds for one service. */
export const PATHS_MAX = 4;

export const trustSecretOf = (organization: OrgName): string => `trust:${organization}`;
export const pathsClusterOf = (nodes: readonly NodeName[]): string => `paths:${nodes.join(",")}`;
export const routesOf = (side: Side, host: string): string => `${side}/${host}`;

/** The one URI in the certificate of a node (SPIFFE ID): each node is a trust domain of its own. */
export const spiffeOf = (node: NodeName): string => `spiffe://${node}/node`;

export const isNodeName = (name: string): boolean => isHostName(name) && name.includes(".");

export type RouteConfiguration = Messages["envoy.config.route.v3.RouteConfiguration"];
export type Scope = Messages["envoy.config.route.v3.ScopedRouteConfiguration"];
export type Manager =
  Messages["envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"];
