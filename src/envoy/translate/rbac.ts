// Who may use a route, as RBAC on the route. The filters in the listener are empty, so a route without an entry is closed
// (403); the entry names the claims that open it. A scope is a list in Envoy's metadata (jwt.ts splits it): "*", the
// service's full name or its first label. Invariant: the only entries without a principal are `public` on a public path and
// `identity-none` in mode none; closed.ts checks both.

import type { ServiceName } from "#routing";
import type { Any, Messages } from "../generated/messages.ts";
import type { IdentityMode } from "./base.ts";
import { PROVIDER } from "./names.ts";

type Principal = Messages["envoy.config.rbac.v3.Principal"];
type Value = Messages["envoy.type.matcher.v3.ValueMatcher"];

export const PUBLIC_POLICY = "public";
export const IDENTITY_NONE_POLICY = "identity-none";

/** Everyone; for the public paths only. */
export const publicAccess = (): Any => allow(PUBLIC_POLICY, { any: true });

/** Everyone whose token was accepted. */
export const anyToken = (mode: IdentityMode): Any =>
  mode === "none" ? allow(IDENTITY_NONE_POLICY, { any: true }) : allow("token", subject);

/**
 * Whoever's token covers the service. Scopes are this node's own notion: tokens of a foreign issuer (mode jwks) carry
 * other words in `scope`, so there every accepted token will do.
 */
export function serviceAccess(mode: IdentityMode, service: ServiceName): Any {
  if (mode !== "own") return anyToken(mode);
  const dot = service.indexOf(".");
  const scopes = ["*", service, ...(dot > 0 ? [service.slice(0, dot)] : [])];
  // One matcher with three values: as three matchers it costs Envoy three times as long to build.
  const value_matchers = scopes.map((exact) => ({ string_match: { exact } }));
  return allow("scope", claim("scope", { list_match: { one_of: { or_match: { value_matchers } } } }));
}

const claim = (name: string, value: Value): Principal => ({
  sourced_metadata: {
    metadata_matcher: {
      filter: "envoy.filters.http.jwt_authn",
      path: [{ key: PROVIDER }, { key: name }],
      value,
    },
  },
});

const subject = claim("sub", { present_match: true });

const allow = (policy: string, principal: Principal): Any => ({
  "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute",
  rbac: {
    rules: {
      action: "ALLOW",
      policies: { [policy]: { permissions: [{ any: true }], principals: [principal] } },
    },
  },
});
