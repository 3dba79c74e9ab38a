// API keys sent directly: a route that matches `authorization: Bearer cat_…` switches this filter on; it stands before
// jwt_authn, asks the auth part, and what goes on carries the exchanged token instead of the key. Off everywhere else, so a
// request with a token pays nothing, and closed when the auth part does not answer (docs/reference/contracts.md section 4).

import type { Any, Messages } from "../generated/messages.ts";
import { AUTH_CLUSTER, FILTER } from "./names.ts";
import type { RouteMatch } from "./names.ts";

/** Where the auth part answers Envoy, on its HTTP socket only: ingress carries no path outside /auth/ and the well-known ones. */
export const KEY_CHECK_PATH = "/authz";

export const apiKeyFilter =
  (): Messages["envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter"] => ({
    name: FILTER.key,
    disabled: true,
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
      http_service: {
        server_uri: { uri: "http://auth", cluster: AUTH_CLUSTER, timeout: "1s" },
        path_override: KEY_CHECK_PATH,
        authorization_response: {
          allowed_upstream_headers: { patterns: [{ exact: "authorization" }] },
          allowed_client_headers: { patterns: [{ exact: "www-authenticate" }, { exact: "retry-after" }] },
        },
      },
      allowed_headers: { patterns: [{ exact: "authorization" }] },
      status_on_error: { code: "ServiceUnavailable" },
    },
  });

/** Switches it on for one route. */
export const keyExchange = (): { readonly [FILTER.key]: Any } => ({
  [FILTER.key]: {
    "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
    check_settings: { disable_request_body_buffering: true },
  },
});

/** The same match, for requests that carry an API key. */
export const withKey = <M extends RouteMatch>(match: M): M => ({
  ...match,
  headers: [...(match.headers ?? []), { name: "authorization", string_match: { prefix: "Bearer cat_" } }],
});
