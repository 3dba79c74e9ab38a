// API keys sent directly: this filter stands before jwt_authn, asks the auth part, and what goes on carries the exchanged
// token instead of the key. It runs only for `authorization: Bearer cat_…`, so a request with a token pays nothing, and not
// for the path where a key is exchanged in so many words; it is closed when the auth part does not answer. One matcher in
// the listener instead of a twin of every route: Envoy builds each route anew with every change of ingress, so twins would
// double the time of each (docs/internals/contracts.md section 4).

import type { Any, Messages } from "../generated/messages.ts";
import { AUTH_CLUSTER, FILTER } from "./names.ts";

/** Where the auth part answers Envoy, on its HTTP socket only: ingress carries no such path to it. */
export const KEY_CHECK_PATH = "/authz";

type Predicate = Messages["xds.type.matcher.v3.Matcher.MatcherList.Predicate"];

export const apiKeyFilter =
  (): Messages["envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter"] => ({
    name: FILTER.key,
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher",
      xds_matcher: {
        matcher_list: {
          matchers: [
            {
              predicate: {
                or_matcher: {
                  predicate: [
                    { not_matcher: header("authorization", "Bearer cat_") },
                    header(":path", "/auth/token"),
                  ],
                },
              },
              on_match: { action: { name: "skip", typed_config: skip } },
            },
          ],
        },
      },
      extension_config: { name: "envoy.filters.http.ext_authz", typed_config: keyCheck() },
    },
  });

const skip: Any = {
  "@type": "type.googleapis.com/envoy.extensions.filters.common.matcher.action.v3.SkipFilter",
};

const header = (name: string, prefix: string): Predicate => ({
  single_predicate: {
    input: {
      name: "header",
      typed_config: {
        "@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
        header_name: name,
      },
    },
    value_match: { prefix },
  },
});

const keyCheck = (): Any => ({
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
});
