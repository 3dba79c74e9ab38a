// The ingress listener. It stays still: routes come by RDS, verification keys by ECDS, the certificate by SDS, since a
// change of the listener itself drains its connections. Invariant: in the modes with tokens the filters stand in the order
// key, jwt, deny, allow; in mode none the first two are absent, never switched off (docs/internals/contracts.md section 4).

import type { Any, Messages } from "../generated/messages.ts";
import { apiKeyFilter } from "./api-key.ts";
import type { EnvoyBase } from "./base.ts";
import { localReplies } from "./local-reply.ts";
import { ADS, FILTER, INGRESS, INGRESS_SECRET } from "./names.ts";
import type { Listener } from "./names.ts";
import { listenerPolicies } from "./rbac.ts";
import { tracing } from "./telemetry.ts";

type Policies = ReturnType<typeof listenerPolicies>;
type HttpFilter = Messages["envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter"];
type Manager = Messages["envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"];

export const ingressListener = (base: EnvoyBase): Listener => ({
  name: INGRESS,
  stat_prefix: INGRESS,
  address: { socket_address: { address: base.listen.address, port_value: base.listen.port } },
  per_connection_buffer_limit_bytes: 65_536,
  filter_chains: [
    {
      ...(base.tls === undefined ? {} : { transport_socket: downstreamTls() }),
      filters: [
        {
          name: "envoy.filters.network.http_connection_manager",
          typed_config: {
            "@type":
              "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            ...connectionManager(base),
          },
        },
      ],
    },
  ],
});

const connectionManager = (base: EnvoyBase): Manager => ({
  stat_prefix: INGRESS,
  codec_type: "AUTO",
  use_remote_address: true,
  strip_any_host_port: true,
  // Rules of jwt_authn match the path that routing will use: both see it normalized.
  normalize_path: true,
  merge_slashes: true,
  path_with_escaped_slashes_action: "UNESCAPE_AND_REDIRECT",
  common_http_protocol_options: { idle_timeout: "300s", headers_with_underscores_action: "REJECT_REQUEST" },
  http2_protocol_options: {
    allow_connect: true,
    max_concurrent_streams: 100,
    initial_stream_window_size: 65_536,
    initial_connection_window_size: 1_048_576,
  },
  request_headers_timeout: "10s",
  stream_idle_timeout: "300s",
  upgrade_configs: [{ upgrade_type: "websocket" }],
  early_header_mutation_extensions: [
    { name: "envoy.http.early_header_mutation.header_mutation", typed_config: stripOwnHeaders() },
  ],
  rds: { route_config_name: INGRESS, config_source: ADS },
  local_reply_config: localReplies(),
  ...tracing(base.node, base.telemetry),
  http_filters: httpFilters(base),
});

/** A client's own `x-catalyst-*` would be taken for what this listener writes. */
const stripOwnHeaders = (): Any => ({
  "@type":
    "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
  mutations: [{ remove_on_match: { key_matcher: { prefix: "x-catalyst-", ignore_case: true } } }],
});

const httpFilters = (base: EnvoyBase): HttpFilter[] => [
  ...(base.identity === "none" ? [] : [apiKeyFilter(), jwtFilter()]),
  rbacFilter(FILTER.deny, "DENY", {}),
  rbacFilter(FILTER.allow, "ALLOW", listenerPolicies(base.identity)),
  {
    name: FILTER.buffer,
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer",
      max_request_bytes: base.bodyLimitBytes,
    },
  },
  {
    name: FILTER.router,
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
      suppress_envoy_headers: true,
    },
  },
];

const jwtFilter = (): HttpFilter => ({
  name: FILTER.jwt,
  config_discovery: {
    // Without the resource requests are answered 500; the reference check sees to it that it goes out with the listener.
    config_source: { ...ADS, initial_fetch_timeout: "5s" },
    type_urls: ["type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication"],
  },
});

const rbacFilter = (name: string, action: "ALLOW" | "DENY", policies: Policies): HttpFilter => ({
  name,
  typed_config: {
    "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
    rules: { action, policies },
    rules_stat_prefix: action.toLowerCase(),
  },
});

const downstreamTls = (): Messages["envoy.config.core.v3.TransportSocket"] => ({
  name: "envoy.transport_sockets.tls",
  typed_config: {
    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
    common_tls_context: {
      alpn_protocols: ["h2", "http/1.1"],
      tls_params: { tls_minimum_protocol_version: "TLSv1_2", tls_maximum_protocol_version: "TLSv1_3" },
      tls_certificate_sds_secret_configs: [{ name: INGRESS_SECRET, sds_config: ADS }],
    },
  },
});
