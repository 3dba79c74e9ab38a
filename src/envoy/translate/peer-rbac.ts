// Who may use what on the peer listener, by certificate alone (docs/reference/contracts.md section 4). The guard stands first
// and turns loops away; then an empty deny and an empty allow filter, so that a route without an entry is closed (403).
// Invariant: every entry names peers by their SPIFFE name; "anyone" cannot be written.

import type { NodeName } from "#routing";
import type { Any, Messages } from "../generated/messages.ts";
import { GUARD_FILTER, PATH_HEADER, spiffeOf } from "./peering-names.ts";

type HttpFilter = Messages["envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter"];
type Principal = Messages["envoy.config.rbac.v3.Principal"];

/** Nodes a request may have gone through before this one. */
const HOPS_MAX = 5;

/** These peers and nobody else. */
export const peersAccess = (nodes: readonly NodeName[]): Any =>
  allow(
    "peers",
    nodes.map((node) => ({ authenticated: { principal_name: { exact: spiffeOf(node) } } })),
  );

/** Whoever showed a certificate that was believed; for the health check only. */
export const anyPeerAccess = (): Any =>
  allow("any-peer", [{ authenticated: { principal_name: { prefix: "spiffe://" } } }]);

const allow = (policy: string, principals: readonly Principal[]): Any => ({
  "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute",
  rbac: {
    rules: { action: "ALLOW", policies: { [policy]: { permissions: [{ any: true }], principals } } },
  },
});

/** Refuses what was here before, and what came too far. */
export function guardFilter(node: NodeName): HttpFilter {
  const path = (regex: string): Messages["envoy.config.rbac.v3.Policy"] => ({
    permissions: [{ header: { name: PATH_HEADER, string_match: { safe_regex: { regex } } } }],
    principals: [{ any: true }],
  });
  return {
    name: GUARD_FILTER,
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
      rules: {
        action: "DENY",
        policies: {
          loop: path(`(.*,)?\\s*${node.replaceAll(".", "\\.")}\\s*(,.*)?`),
          hops: path(`([^,]*,){${HOPS_MAX},}.*`),
        },
      },
      rules_stat_prefix: "guard",
    },
  };
}
