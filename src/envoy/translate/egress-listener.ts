// The listener for own programs that ask for services of peers, on loopback: a service is asked for by its name, as host or
// as an absolute URI (HTTP_PROXY). Routes come by scope. A name without a route is answered 404 that says so.

import { FILTER } from "./names.ts";
import type { Listener } from "./names.ts";
import { stripEgressHeaders } from "./peering-headers.ts";
import { EGRESS } from "./peering-names.ts";
import type { Manager, PeeringBase } from "./peering-names.ts";
import { peeringReplies } from "./peering-replies.ts";
import { scopedRoutes } from "./scopes.ts";

export const egressListener = (at: NonNullable<PeeringBase["egress"]>): Listener => ({
  name: EGRESS,
  stat_prefix: EGRESS,
  address: { socket_address: { address: at.address, port_value: at.port } },
  per_connection_buffer_limit_bytes: 1_048_576,
  filter_chains: [
    {
      filters: [
        {
          name: "envoy.filters.network.http_connection_manager",
          typed_config: {
            "@type":
              "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            ...MANAGER,
          },
        },
      ],
    },
  ],
});

const MANAGER: Manager = {
  stat_prefix: EGRESS,
  codec_type: "AUTO",
  // Nobody outside is to learn the address of a program, nor to believe one it wrote.
  use_remote_address: true,
  skip_xff_append: true,
  internal_address_config: {},
  strip_any_host_port: true,
  normalize_path: true,
  merge_slashes: true,
  path_with_escaped_slashes_action: "REJECT_REQUEST",
  early_header_mutation_extensions: [
    { name: "envoy.http.early_header_mutation.header_mutation", typed_config: stripEgressHeaders() },
  ],
  common_http_protocol_options: { idle_timeout: "300s", headers_with_underscores_action: "REJECT_REQUEST" },
  http_protocol_options: { allow_absolute_url: true, enable_trailers: true },
  http2_protocol_options: { allow_connect: true, max_concurrent_streams: 1_024 },
  request_headers_timeout: "10s",
  stream_idle_timeout: "300s",
  upgrade_configs: [{ upgrade_type: "websocket" }],
  scoped_routes: scopedRoutes("egress"),
  local_reply_config: peeringReplies(),
  http_filters: [
    {
      name: FILTER.router,
      typed_config: {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
        suppress_envoy_headers: true,
      },
    },
  ],
};
