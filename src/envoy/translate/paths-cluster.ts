// One cluster per ordered set of next hops, shared by all services that have it. The order is the priority of its endpoints,
// so a dead path fails over inside Envoy, within milliseconds and without the control plane; each endpoint has a socket of
// its own that expects that node and no other. Every figure was measured (docs/reference/envoy/README.md section 7): with
// other ones GETs fail or a hanging node is noticed late. Never an aggregate cluster: tcp through one ends Envoy.

import type { PeerPath } from "#routing";
import type { Any } from "../generated/messages.ts";
import { hostPort, isIp } from "./address.ts";
import type { Cluster } from "./names.ts";
import { HEALTH_HOST, pathsClusterOf } from "./peering-names.ts";
import type { Between } from "./peering-names.ts";
import { peerUpstreamTls } from "./peer-secrets.ts";

/** HTTP/2 between nodes, for both ends: one stalled stream holds 1 MiB at most. */
export const PEER_HTTP2 = {
  allow_connect: true,
  // The other codec ends a whole shared connection after some 1,000 resets by clients.
  use_oghttp2_codec: true,
  initial_stream_window_size: 1_048_576,
  initial_connection_window_size: 8_388_608,
} as const;

type TransportSocketMatch = NonNullable<Cluster["transport_socket_matches"]>[number];

const http2 = (): { readonly [name: string]: Any } => ({
  "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
    common_http_protocol_options: { idle_timeout: "600s" },
    explicit_http_config: {
      http2_protocol_options: { ...PEER_HTTP2, connection_keepalive: { interval: "2s", timeout: "1s" } },
    },
  },
});

const HEALTH: NonNullable<Cluster["health_checks"]>[number] = {
  timeout: "0.5s",
  interval: "1s",
  unhealthy_interval: "1s",
  // Without these the end of an ejection costs a connection each time.
  no_traffic_interval: "1s",
  no_traffic_healthy_interval: "1s",
  unhealthy_threshold: 2,
  healthy_threshold: 1,
  http_health_check: { host: HEALTH_HOST, path: "/healthz", codec_client_type: "HTTP2" },
};

/** One failed connect is enough, and all may be out: the next priority is there for it. What services answer says nothing. */
const OUTLIERS: NonNullable<Cluster["outlier_detection"]> = {
  split_external_local_origin_errors: true,
  consecutive_local_origin_failure: 1,
  enforcing_consecutive_local_origin_failure: 100,
  enforcing_consecutive_gateway_failure: 0,
  enforcing_consecutive_5xx: 0,
  enforcing_success_rate: 0,
  enforcing_local_origin_success_rate: 0,
  interval: "1s",
  base_ejection_time: "2s",
  max_ejection_percent: 100,
};

export function pathsCluster(paths: readonly PeerPath[], between: Between): Cluster {
  const name = pathsClusterOf(paths.map((p) => p.node));
  const resolved = paths.every((p) => isIp(hostPort(p.address)?.host ?? ""));
  return {
    name,
    ...(resolved ? { type: "STATIC" } : { type: "STRICT_DNS", dns_lookup_family: "ALL" }),
    connect_timeout: "1s",
    typed_extension_protocol_options: http2(),
    load_assignment: {
      cluster_name: name,
      endpoints: paths.map((path, priority) => ({
        priority,
        lb_endpoints: [
          {
            endpoint: { address: { socket_address: addressOf(path) } },
            metadata: { filter_metadata: { "envoy.transport_socket_match": { node: path.node } } },
          },
        ],
      })),
    },
    ...(between === "none" ? {} : { transport_socket_matches: paths.map(proven) }),
    health_checks: [HEALTH],
    outlier_detection: OUTLIERS,
    // No request to a path known to be dead, also when all are.
    common_lb_config: { healthy_panic_threshold: {} },
    // Envoy's default of 3 retries at a time fails most requests that hang on a dead node.
    circuit_breakers: {
      thresholds: [
        { max_connections: 20_000, max_pending_requests: 20_000, max_requests: 20_000, max_retries: 20_000 },
      ],
    },
  };
}

/** The socket of one node: by these alone its endpoint is reached. */
const proven = ({ node, organization }: PeerPath): TransportSocketMatch => ({
  name: node,
  match: { node },
  transport_socket: peerUpstreamTls(node, organization),
});

function addressOf({ address }: PeerPath): { readonly address: string; readonly port_value: number } {
  const at = hostPort(address);
  return { address: at?.host ?? "", port_value: at?.port ?? 0 };
}
