// Clusters and endpoints. Own services get their endpoints by EDS: a neighbour that comes or goes then opens no connection
// anew. A service with an endpoint that is a name and not an address keeps them inside the cluster, since Envoy resolves
// names only there. The parts of the node (gateway, auth) are reached by unix socket.

import type { EnvoyServiceWant } from "#routing";
import type { Any } from "../generated/messages.ts";
import type { PartAddress } from "./base.ts";
import { hostPort, isIp } from "./address.ts";
import { ADS, clusterOf } from "./names.ts";
import type { Address, Cluster, Endpoints } from "./names.ts";
import { serviceMetadata } from "./rbac.ts";

/** Envoy's default of 1,024 each is met by one busy client; overload is bounded by the listener's connections. */
const limits = {
  max_connections: 20_000,
  max_pending_requests: 20_000,
  max_requests: 20_000,
  max_retries: 20_000,
} as const;

/**
 * What peers ask of an own service has Envoy's other priority: limits and connections of its own, so that peers cannot use up those
 * of ingress. It means nothing more; neither goes before the other.
 */
export const PEERS_PRIORITY = "HIGH" as const;

/**
 * Node's HTTP server closes an idle connection after 5 s. A request that meets the close is lost and a POST must not be
 * sent again, so Envoy closes first.
 */
const UPSTREAM_IDLE = "4s";

const http1 = (): { readonly [name: string]: Any } => ({
  "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
    common_http_protocol_options: { idle_timeout: UPSTREAM_IDLE },
    explicit_http_config: { http_protocol_options: { enable_trailers: true } },
  },
});

const shared = { connect_timeout: "1s", circuit_breakers: { thresholds: [limits] } } as const;

/** What a cluster needs to know of a service. */
export type Served = Pick<EnvoyServiceWant, "service" | "endpoints">;

/**
 * The cluster of an own service, for ingress and for peers. Whose it is stands here and not on its routes, since Envoy builds all
 * routes of ingress anew at each change of one (docs/decisions/0009-envoy-scope-in-the-listener.md).
 */
export function serviceCluster(want: Served): Cluster {
  const name = clusterOf(want.service);
  const common = {
    ...shared,
    circuit_breakers: { thresholds: [limits, { priority: PEERS_PRIORITY, ...limits }] },
    alt_stat_name: statNameOf(name),
    typed_extension_protocol_options: http1(),
    metadata: serviceMetadata(want.service),
  };
  if (byEds(want)) return { name, type: "EDS", eds_cluster_config: { eds_config: ADS }, ...common };
  return {
    name,
    type: "STRICT_DNS",
    dns_lookup_family: "ALL",
    load_assignment: assignment(want),
    ...common,
  };
}

/** Envoy takes the name in a statistic to end at the first dot. No label of a host name holds what stands for dots here. */
const statNameOf = (cluster: string): string => cluster.replace(/[.:]/g, "_");

/** Undefined when they stand inside the cluster. */
export const serviceEndpoints = (want: Served): Endpoints | undefined =>
  byEds(want) ? assignment(want) : undefined;

const byEds = (want: Served): boolean => want.endpoints.every((e) => isIp(hostPort(e)?.host ?? ""));

const assignment = (want: Served): Endpoints => ({
  cluster_name: clusterOf(want.service),
  endpoints: [
    {
      lb_endpoints: want.endpoints.flatMap((text) => {
        const at = hostPort(text);
        return at === undefined ? [] : [{ endpoint: { address: socketAddress(at.host, at.port) } }];
      }),
    },
  ],
});

export const partCluster = (name: string, at: PartAddress): Cluster => ({
  name,
  type: "STATIC",
  ...shared,
  typed_extension_protocol_options: http1(),
  load_assignment: {
    cluster_name: name,
    endpoints: [
      {
        lb_endpoints: [
          {
            endpoint: {
              address: "path" in at ? { pipe: { path: at.path } } : socketAddress(at.address, at.port),
            },
          },
        ],
      },
    ],
  },
});

const socketAddress = (address: string, port: number): Address => ({
  socket_address: { address, port_value: port },
});
