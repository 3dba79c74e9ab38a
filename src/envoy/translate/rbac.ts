// Who may use a route. The node's own paths carry RBAC on the route: an entry that names the claims which open it. Routes of
// services carry none in mode own, since building one costs Envoy as much as the rest of a route, and it builds all of them
// anew at each change: the cluster they lead to says in its metadata whose it is, and one policy in the listener compares
// that with the token's scope, a list in Envoy's metadata (jwt.ts splits it): "*", the service's full name or its first label.
// A route with neither is closed (403). Invariant: the only entries without a principal are `public` on a public path and
// `identity-none` in mode none; closed.ts checks both, and that a route leads to its own service and to no other.

import type { ServiceName } from "#routing";
import type { Any, Messages } from "../generated/messages.ts";
import type { IdentityMode } from "./base.ts";
import { PROVIDER } from "./names.ts";

type Principal = Messages["envoy.config.rbac.v3.Principal"];
type Policy = Messages["envoy.config.rbac.v3.Policy"];
type Expr = Messages["google.api.expr.v1alpha1.Expr"];
type Metadata = Messages["envoy.config.core.v3.Metadata"];
type Value = Messages["envoy.type.matcher.v3.ValueMatcher"];

export const PUBLIC_POLICY = "public";
export const IDENTITY_NONE_POLICY = "identity-none";
const SERVICE_METADATA = "catalyst.service";
/** Where jwt_authn puts the claims. */
const JWT_METADATA = "envoy.filters.http.jwt_authn";

/** Everyone; for the public paths only. */
export const publicAccess = (): Any => allow(PUBLIC_POLICY, { any: true });

/** Everyone whose token was accepted. */
export const anyToken = (mode: IdentityMode): Any =>
  mode === "none" ? allow(IDENTITY_NONE_POLICY, { any: true }) : allow("token", subject);

/** Whose cluster it is. Never an empty text: see the policy. */
export const serviceMetadata = (service: ServiceName): Metadata => ({
  filter_metadata: { [SERVICE_METADATA]: { name: service, label: service.split(".", 1)[0] ?? service } },
});

/**
 * What the listener's own policies let in. Scopes are this node's own notion: tokens of a foreign issuer (mode jwks) carry
 * other words in `scope`, so there every accepted token will do, and each route says so.
 */
export const listenerPolicies = (mode: IdentityMode): Readonly<Record<string, Policy>> =>
  mode === "own" ? { scope: scopePolicy() } : {};

/**
 * Whoever's token covers the service that the route's cluster is of. In CEL, which RBAC takes as a tree:
 *   name != "" && ("*" in scope || name in scope || label in scope)
 * What cannot be evaluated (a cluster of no service, a token without scope) does not match, so it is closed; the first
 * comparison sees to it that "*" opens no cluster that is of no service.
 */
function scopePolicy(): Policy {
  const of = (attribute: Expr, key: string): Expr =>
    call("_[_]", select(attribute, "filter_metadata"), text(key));
  const service = of(select(ident("xds"), "cluster_metadata"), SERVICE_METADATA);
  const scope = select(select(of(ident("metadata"), JWT_METADATA), PROVIDER), "scope");
  const [name, label] = [select(service, "name"), select(service, "label")];
  const covered = [text("*"), name, label].map((word) => call("@in", word, scope));
  return {
    permissions: [{ any: true }],
    principals: [subject],
    condition: call(
      "_&&_",
      call("_!=_", name, text("")),
      covered.reduce((a, b) => call("_||_", a, b)),
    ),
  };
}

const text = (string_value: string): Expr => ({ const_expr: { string_value } });
const ident = (name: string): Expr => ({ ident_expr: { name } });
const select = (operand: Expr, field: string): Expr => ({ select_expr: { operand, field } });
const call = (name: string, ...args: readonly Expr[]): Expr => ({ call_expr: { function: name, args } });

const claim = (name: string, value: Value): Principal => ({
  sourced_metadata: {
    metadata_matcher: {
      filter: JWT_METADATA,
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
