// What Envoy reads at its start: who it is, where its admin socket is and what may be asked there, where its configuration
// comes from, and how many connections it takes. Everything else comes by xDS. The admin socket is 0600 and answers only
// what this program asks: "/quitquitquit" and the like are refused.

import { rmSync, writeFileSync } from "node:fs";
import { CatalystError } from "#rpc";
import type { NodeName, OrgName } from "#routing";
import type { Messages } from "../generated/messages.ts";
import { collector } from "./collector.ts";
import type { CollectorOptions } from "./collector.ts";

export interface BootstrapOptions {
  readonly node: NodeName;
  readonly organization: OrgName;
  readonly xdsSocket: string;
  readonly adminSocket: string;
  /** Connections of clients at once; more are refused. */
  readonly connectionsMax?: number;
  /** Absent = Envoy tells nobody. */
  readonly telemetry?: CollectorOptions;
}

/** Of 108 that Linux has; the rest is for what callers put behind. */
const SOCKET_PATH_BYTES = 100;

const ADMIN_PATHS = ["/stats", "/config_dump", "/clusters", "/listeners", "/drain_listeners", "/memory"];

export function bootstrap(options: BootstrapOptions): Messages["envoy.config.bootstrap.v3.Bootstrap"] {
  const ads = { ads: {}, resource_api_version: "V3" } as const;
  const told = options.telemetry === undefined ? undefined : collector(options.node, options.telemetry);
  return {
    node: { id: options.node, cluster: options.organization },
    admin: {
      address: { pipe: { path: options.adminSocket, mode: 0o600 } },
      allow_paths: [
        { exact: "/ready" },
        { exact: "/server_info" },
        ...ADMIN_PATHS.map((prefix) => ({ prefix })),
      ],
    },
    dynamic_resources: {
      ads_config: {
        api_type: "DELTA_GRPC",
        transport_api_version: "V3",
        set_node_on_first_message_only: true,
        grpc_services: [
          {
            envoy_grpc: {
              cluster_name: "xds",
              // A restarted orchestrator is found again after 0.5 s instead of 3.
              retry_policy: { retry_back_off: { base_interval: "0.1s", max_interval: "2s" } },
            },
          },
        ],
      },
      lds_config: ads,
      cds_config: ads,
    },
    static_resources: {
      clusters: [xdsCluster(options.xdsSocket), ...(told === undefined ? [] : [told.cluster])],
      ...(told === undefined ? {} : { secrets: told.secrets }),
    },
    // Counters of a cluster's traffic come with its first request: a hundred of them are a quarter of what a new cluster costs.
    deferred_stat_options: { enable_deferred_creation_stats: true },
    ...told?.sink,
    overload_manager: {
      resource_monitors: [
        {
          name: "envoy.resource_monitors.global_downstream_max_connections",
          typed_config: {
            "@type":
              "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
            max_active_downstream_connections: options.connectionsMax ?? 10_000,
          },
        },
      ],
    },
  };
}

const xdsCluster = (path: string): Messages["envoy.config.cluster.v3.Cluster"] => ({
  name: "xds",
  type: "STATIC",
  connect_timeout: "1s",
  typed_extension_protocol_options: {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
      explicit_http_config: {
        http2_protocol_options: { connection_keepalive: { interval: "30s", timeout: "5s" } },
      },
    },
  },
  load_assignment: {
    cluster_name: "xds",
    endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path } } } }] }],
  },
});

/** Writes it (0600), and takes away the admin socket a killed Envoy left behind. */
export function writeBootstrap(file: string, options: BootstrapOptions): void {
  for (const path of [options.xdsSocket, options.adminSocket])
    if (Buffer.byteLength(path) > SOCKET_PATH_BYTES)
      throw new CatalystError("ERR_INVALID_ARGUMENT", `the socket path "${path}" is over 100 bytes`, {
        hint: "choose a shorter --data-dir",
      });
  rmSync(options.adminSocket, { force: true });
  writeFileSync(file, `${JSON.stringify(bootstrap(options), null, 2)}\n`, { mode: 0o600 });
}
