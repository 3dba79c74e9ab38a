// Where Envoy's spans and metrics go, as its bootstrap says it: a cluster for the collector, what authenticates there as
// static secrets, and the sink for metrics. Bounded: of all statistics Envoy has (about a hundred for each cluster) a fixed
// set of families is sent, and one request carries a few thousand points at most. A collector that is away, or a name that
// does not resolve, delays nothing: what could not be sent is dropped.

import { CatalystError } from "#rpc";
import { isIP } from "node:net";
import type { Any, Messages } from "../generated/messages.ts";
import type { EnvoyTelemetry } from "../translate/index.ts";
import { COLLECTOR, collectorService, headerSecretOf, resourceOf } from "../translate/index.ts";

type Bootstrap = Messages["envoy.config.bootstrap.v3.Bootstrap"];
type Cluster = Messages["envoy.config.cluster.v3.Cluster"];
type Secret = Messages["envoy.extensions.transport_sockets.tls.v3.Secret"];

export interface CollectorOptions extends Omit<EnvoyTelemetry, "headers"> {
  /** Headers of each export, with their values. */
  readonly headers: Readonly<Record<string, string>>;
  readonly intervalMs: number;
  /** PEM of whom to believe, for an https endpoint. */
  readonly roots: string;
}

export interface Collector {
  readonly cluster: Cluster;
  readonly secrets: readonly Secret[];
  readonly sink: Required<Pick<Bootstrap, "stats_sinks" | "stats_flush_interval">>;
}

/** RFC 9110, 5.1 and 5.5. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const ROOTS_SECRET = "otlp-roots";
const POINTS_MAX = 5_000;
/** Envoy takes less than five minutes. */
const INTERVAL_MAX_MS = 299_000;

/** Statistics by full name; those of clusters are few because there is a cluster for every service. */
const SENT = [
  "cluster\\.[^.]+\\.(membership_(healthy|total)|upstream_cx_(active|connect_fail)|upstream_rq_(total|active|time|timeout|per_try_timeout|retry|pending_overflow|[1-5]xx))",
  "http\\.(ingress|peer|egress)\\.(downstream_cx_(active|total)|downstream_rq_(total|active|time|[1-5]xx)|jwt_authn\\.(allowed|denied)|rbac\\.[a-z_.]*(allowed|denied)|ext_authz\\.(ok|denied|error))",
  "server\\.(uptime|live|memory_allocated|total_connections)",
  "control_plane\\.connected_state",
  "(cluster_manager\\.cds|listener_manager\\.lds)\\.update_rejected",
  "tracing\\.opentelemetry\\.spans_(sent|dropped)",
];

export function collector(node: string, { headers, ...options }: CollectorOptions): Collector {
  const url = new URL(options.endpoint);
  const names = Object.keys(headers);
  for (const [name, value] of Object.entries(headers))
    if (!TOKEN.test(name) || name.toLowerCase() === "host" || !VALUE.test(value))
      throw new CatalystError("ERR_INVALID_ARGUMENT", `telemetry.otlp.headers: "${name}" cannot be sent`);
  const telemetry = { ...options, headers: names };
  const tls = url.protocol === "https:";
  return {
    cluster: cluster(url, tls),
    secrets: [
      ...Object.entries(headers).map(([name, value]) => ({
        name: headerSecretOf(name),
        generic_secret: { secret: { inline_string: value } },
      })),
      ...(tls ? [roots(hostOf(url), options.roots)] : []),
    ],
    sink: {
      stats_flush_interval: `${Math.min(options.intervalMs, INTERVAL_MAX_MS) / 1000}s`,
      stats_sinks: [{ name: "envoy.stat_sinks.open_telemetry", typed_config: sink(node, telemetry) }],
    },
  };
}

const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, "");

const cluster = (url: URL, tls: boolean): Cluster => ({
  name: COLLECTOR,
  // Of a name with several addresses the first that answers is taken.
  type: isIP(hostOf(url)) === 0 ? "LOGICAL_DNS" : "STATIC",
  dns_lookup_family: "ALL",
  connect_timeout: "2s",
  wait_for_warm_on_init: false,
  typed_extension_protocol_options: {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
      // Under the 5 s after which many servers close an idle connection.
      common_http_protocol_options: { idle_timeout: "4s" },
      explicit_http_config: { http_protocol_options: {} },
    },
  },
  load_assignment: {
    cluster_name: COLLECTOR,
    endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: socketOf(url, tls) } } }] }],
  },
  ...(tls ? { transport_socket: transportSocket(hostOf(url)) } : {}),
});

const socketOf = (url: URL, tls: boolean): Messages["envoy.config.core.v3.SocketAddress"] => ({
  address: hostOf(url),
  port_value: Number(url.port) || (tls ? 443 : 80),
});

const transportSocket = (host: string): Messages["envoy.config.core.v3.TransportSocket"] => ({
  name: "envoy.transport_sockets.tls",
  typed_config: {
    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
    // RFC 6066: an address is no server name.
    sni: isIP(host) === 0 ? host : "",
    common_tls_context: {
      tls_params: { tls_minimum_protocol_version: "TLSv1_2", tls_maximum_protocol_version: "TLSv1_3" },
      validation_context_sds_secret_config: { name: ROOTS_SECRET },
    },
  },
});

const roots = (host: string, pem: string): Secret => ({
  name: ROOTS_SECRET,
  validation_context: {
    trusted_ca: { inline_string: pem },
    match_typed_subject_alt_names: [
      { san_type: isIP(host) === 0 ? "DNS" : "IP_ADDRESS", matcher: { exact: host } },
    ],
  },
});

const sink = (node: string, telemetry: EnvoyTelemetry): Any => ({
  "@type": "type.googleapis.com/envoy.extensions.stat_sinks.open_telemetry.v3.SinkConfig",
  http_service: collectorService(telemetry, "metrics"),
  resource_detectors: resourceOf(node, telemetry),
  prefix: "envoy",
  max_data_points_per_request: POINTS_MAX,
  custom_metric_conversions: {
    matcher_list: {
      matchers: [
        {
          predicate: { not_matcher: { single_predicate: { input, value_match: { safe_regex } } } },
          on_match: { action: { name: "drop", typed_config: drop } },
        },
      ],
    },
  },
});

const safe_regex = { google_re2: {}, regex: `^(${SENT.join("|")})$` };
const input = {
  name: "stat",
  typed_config: {
    "@type": "type.googleapis.com/envoy.extensions.matching.common_inputs.stats.v3.StatFullNameMatchInput",
  },
} as const;
const drop = {
  "@type": "type.googleapis.com/envoy.extensions.stat_sinks.open_telemetry.v3.SinkConfig.DropAction",
} as const;
