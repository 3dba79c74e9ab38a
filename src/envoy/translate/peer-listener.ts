// The listener for other nodes: HTTP/2 over mutual TLS 1.3, for every protocol, since tcp and udp come as CONNECT and find
// routes like any other request. It stays still: routes come by scope, certificates by SDS. Invariant: nobody gets here
// without a certificate that is believed, and the filters stand in the order guard, deny, allow. Where no node proves who it is
// the listener says so in its statistics, and has the same filters without TLS.

import type { NodeName } from "#routing";
import type { Messages } from "../generated/messages.ts";
import { FILTER } from "./names.ts";
import type { Listener } from "./names.ts";
import { PEER_HTTP2 } from "./paths-cluster.ts";
import { guardFilter } from "./peer-rbac.ts";
import { peerDownstreamTls } from "./peer-secrets.ts";
import { stripPeerHeaders } from "./peering-headers.ts";
import { PEER } from "./peering-names.ts";
import type { Between, Manager, PeeringBase } from "./peering-names.ts";
import { peeringReplies } from "./peering-replies.ts";
import { IDENTITY_NONE_POLICY } from "./rbac.ts";
import { scopedRoutes } from "./scopes.ts";

type HttpFilter = Messages["envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter"];

export const peerListener = (
  node: NodeName,
  at: NonNullable<PeeringBase["peer"]>,
  between: Between,
): Listener => ({
  name: PEER,
  stat_prefix: between === "none" ? IDENTITY_NONE_POLICY : PEER,
  address: { socket_address: { address: at.address, port_value: at.port } },
  per_connection_buffer_limit_bytes: 1_048_576,
  filter_chains: [
    {
      ...(between === "none" ? {} : { transport_socket: peerDownstreamTls() }),
      filters: [
        {
          name: "envoy.filters.network.http_connection_manager",
          typed_config: {
            "@type":
              "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            ...connectionManager(node),
          },
        },
      ],
    },
  ],
});

const connectionManager = (node: string): Manager => ({
  stat_prefix: PEER,
  codec_type: "HTTP2",
  use_remote_address: true,
  skip_xff_append: true,
  internal_address_config: {},
  strip_any_host_port: true,
  normalize_path: true,
  merge_slashes: true,
  path_with_escaped_slashes_action: "REJECT_REQUEST",
  // The service sees who asks by this; what the peer itself wrote is gone.
  forward_client_cert_details: "SANITIZE_SET",
  set_current_client_cert_details: { uri: true },
  early_header_mutation_extensions: [
    { name: "envoy.http.early_header_mutation.header_mutation", typed_config: stripPeerHeaders() },
  ],
  common_http_protocol_options: {
    idle_timeout: "300s",
    // A connection outlives the trust it was opened with, but not for long.
    max_connection_duration: "86400s",
    headers_with_underscores_action: "REJECT_REQUEST",
  },
  http2_protocol_options: {
    ...PEER_HTTP2,
    max_concurrent_streams: 1_024,
    connection_keepalive: { interval: "30s", timeout: "5s" },
  },
  request_headers_timeout: "10s",
  stream_idle_timeout: "300s",
  upgrade_configs: [
    { upgrade_type: "CONNECT" },
    { upgrade_type: "CONNECT-UDP" },
    { upgrade_type: "websocket" },
  ],
  scoped_routes: scopedRoutes("peer"),
  local_reply_config: peeringReplies(node),
  http_filters: [
    guardFilter(node),
    marked(closedFilter(FILTER.deny, "DENY")),
    closedFilter(FILTER.allow, "ALLOW"),
    {
      name: FILTER.router,
      typed_config: {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
        suppress_envoy_headers: true,
      },
    },
  ],
});

/** A shadow decides nothing: it tells the reply whether there is a route, for the filters answer before the router does. */
const marked = (filter: ReturnType<typeof closedFilter>): HttpFilter => {
  const anyone = { permissions: [{ any: true }], principals: [{ any: true }] } as const;
  const shadow_rules = { action: "ALLOW", policies: { routed: { ...anyone, condition: ROUTED } } } as const;
  return { ...filter, typed_config: { ...filter.typed_config, shadow_rules } };
};

/** xds.route_name != "": every route has a name. Without a route there is no such attribute, and the condition does not hold. */
const ROUTED: Messages["google.api.expr.v1alpha1.Expr"] = {
  call_expr: {
    function: "_!=_",
    args: [
      { select_expr: { operand: { ident_expr: { name: "xds" } }, field: "route_name" } },
      { const_expr: { string_value: "" } },
    ],
  },
};

const closedFilter = (name: string, action: "ALLOW" | "DENY") =>
  ({
    name,
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
      rules: { action, policies: {} },
      rules_stat_prefix: action.toLowerCase(),
    },
  }) as const;
