// Spans and metrics of Envoy by OTLP over HTTP, as the other parts send theirs: the same endpoint, the same resource, the same
// share of requests. Absent options leave no trace of it in any resource. Invariant: what a header of the export says (a key
// of the collector, mostly) stands as a secret in the bootstrap and nowhere else; resources name it, and Envoy redacts it in
// its own dumps. Spans carry the path without the query, which may hold what a client asks or a token.

import type { NodeName } from "#routing";
import type { Any, Messages } from "../generated/messages.ts";

type Manager = Messages["envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"];
type HttpService = Messages["envoy.config.core.v3.HttpService"];

export interface EnvoyTelemetry {
  /** Base URL of the collector, "https://otlp.example:4318/tenant"; http or https. */
  readonly endpoint: string;
  /** Names of the headers of each export. */
  readonly headers: readonly string[];
  /** Share of requests traced when the caller did not decide. */
  readonly sampling: number;
  /** Version of this program. */
  readonly version: string;
}

/** Static cluster of the bootstrap. */
export const COLLECTOR = "otlp";
/** Static secret of the bootstrap. */
export const headerSecretOf = (name: string): string => `otlp-header:${name}`;

const PATH_TAG = 256;

/** Not there: no tracing. */
export const tracing = (node: NodeName, telemetry: EnvoyTelemetry | undefined): Pick<Manager, "tracing"> => {
  if (telemetry === undefined) return {};
  return {
    tracing: {
      // A header of the client's own would trace as many requests as it likes; `traceparent` is what decides elsewhere too.
      client_sampling: {},
      random_sampling: { value: telemetry.sampling * 100 },
      // The path would bring the query with it; the tag below does not.
      max_path_tag_length: 0,
      custom_tags: [{ tag: "url.path", value: `%PATH(NQ):${PATH_TAG}%` }],
      operation: "%REQ(:METHOD):16% %ROUTE_NAME%",
      upstream_operation: "%REQ(:METHOD):16%",
      spawn_upstream_span: true,
      provider: {
        name: "envoy.tracers.opentelemetry",
        typed_config: {
          "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
          http_service: collectorService(telemetry, "traces"),
          service_name: "catalyst",
          resource_detectors: resourceOf(node, telemetry),
        },
      },
    },
  };
};

export function collectorService(
  { endpoint, headers }: EnvoyTelemetry,
  signal: "traces" | "metrics",
): HttpService {
  const { origin, pathname } = new URL(endpoint);
  const uri = `${origin}${pathname.replace(/\/$/, "")}/v1/${signal}`;
  const http_uri = { uri, cluster: COLLECTOR, timeout: "5s" } as const;
  if (headers.length === 0) return { http_uri };
  // A name may hold what a format would take for its own, so the format knows them by their place.
  return {
    http_uri,
    request_headers_to_add: headers.map((key, i) => ({
      header: { key, value: `%SECRET(header${i})%` },
      append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
    })),
    formatters: [{ name: "envoy.formatter.generic_secret", typed_config: secretsOf(headers) }],
  };
}

const secretsOf = (headers: readonly string[]): Any => ({
  "@type": "type.googleapis.com/envoy.extensions.formatter.generic_secret.v3.GenericSecret",
  secret_configs: Object.fromEntries(
    headers.map((name, i) => [`header${i}`, { name: headerSecretOf(name) }]),
  ),
});

/** Attributes that the other parts give too. */
export const resourceOf = (
  node: NodeName,
  { version }: EnvoyTelemetry,
): Messages["envoy.config.core.v3.TypedExtensionConfig"][] => [
  {
    name: "envoy.tracers.opentelemetry.resource_detectors.static_config",
    typed_config: {
      "@type":
        "type.googleapis.com/envoy.extensions.tracers.opentelemetry.resource_detectors.v3.StaticConfigResourceDetectorConfig",
      attributes: {
        "service.name": "catalyst",
        "service.version": version,
        "service.instance.id": `${node}/envoy`,
        "catalyst.node": node,
        "catalyst.part": "envoy",
      },
    },
  },
];
