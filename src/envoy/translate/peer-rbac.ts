// Who may use what on the peer listener, by certificate alone (docs/reference/contracts.md section 4). The guard stands first
// and turns loops away; then an empty deny and an empty allow filter, so that a route without an entry is closed (403).
// Invariant: every entry names peers by their SPIFFE name; "anyone" cannot be written. Where no node proves who it is
// (`identity.mode: none`) the entry has a form of its own, under a name of its own: what the last node in the path header calls
// itself. Anybody can write that; it is there so that what was not exported to a node is not reached by it in a test either.

import type { NodeName } from "#routing";
import type { Any, Messages } from "../generated/messages.ts";
import { GUARD_FILTER, PATH_HEADER, spiffeOf } from "./peering-names.ts";
import type { Between } from "./peering-names.ts";
import { IDENTITY_NONE_POLICY } from "./rbac.ts";

type HttpFilter = Messages["envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter"];
type Policy = Messages["envoy.config.rbac.v3.Policy"];

/** Nodes a request may have gone through before this one. */
const HOPS_MAX = 5;

/** These peers and nobody else. */
export const peersAccess = (nodes: readonly NodeName[], between: Between): Any =>
  between === "none"
    ? allow(IDENTITY_NONE_POLICY, {
        permissions: nodes.map((node) => fromPath(`(.*,)?\\s*${node.replaceAll(".", "\\.")}\\s*`)),
        principals: [{ any: true }],
      })
    : allow("peers", {
        permissions: [{ any: true }],
        principals: nodes.map((node) => ({ authenticated: { principal_name: { exact: spiffeOf(node) } } })),
      });

/** Whoever showed a certificate that was believed, or anyone where none is asked for; for the health check only. */
export const anyPeerAccess = (between: Between): Any =>
  between === "none"
    ? allow(IDENTITY_NONE_POLICY, { permissions: [{ any: true }], principals: [{ any: true }] })
    : allow("any-peer", {
        permissions: [{ any: true }],
        principals: [{ authenticated: { principal_name: { prefix: "spiffe://" } } }],
      });

const allow = (name: string, policy: Policy): Any => ({
  "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute",
  rbac: { rules: { action: "ALLOW", policies: { [name]: policy } } },
});

const fromPath = (regex: string): Policy["permissions"][number] => ({
  header: { name: PATH_HEADER, string_match: { safe_regex: { regex } } },
});

/** Refuses what was here before, and what came too far. */
export function guardFilter(node: NodeName): HttpFilter {
  const path = (regex: string): Policy => ({ permissions: [fromPath(regex)], principals: [{ any: true }] });
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
