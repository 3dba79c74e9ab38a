// The last look at what is published between nodes (closed.ts does it for ingress): forms that Envoy accepts and that would
// let anyone in, or let something out. A finding is a defect of this program and stops the publishing.

import type { Messages } from "../generated/messages.ts";
import { FILTER } from "./names.ts";
import type { Listener } from "./names.ts";
import { GUARD_FILTER, HEALTH_HOST, PATH_HEADER } from "./peering-names.ts";
import type { Between, RouteConfiguration } from "./peering-names.ts";
import { IDENTITY_NONE_POLICY } from "./rbac.ts";

const GUARDS = [GUARD_FILTER, FILTER.deny, FILTER.allow, FILTER.router];

/** What is open in it; empty = closed. */
export function openInPeerListener(
  between: Between,
  { filter_chains = [], stat_prefix }: Listener,
): string[] {
  const found: string[] = [];
  if ((stat_prefix === IDENTITY_NONE_POLICY) !== (between === "none"))
    found.push("it does not say whether anybody proves who it is");
  if (filter_chains.length !== 1) found.push("there is not one chain of filters");
  for (const chain of filter_chains) {
    if (between === "certificate") found.push(...openInSocket(chain));
    else if (chain.transport_socket !== undefined) found.push("TLS that proves nothing");
    for (const { typed_config: manager } of chain.filters ?? []) {
      if (!isManager(manager)) {
        found.push("a filter is no HTTP connection manager");
        continue;
      }
      const filters = manager.http_filters ?? [];
      const names = filters.map((f) => f.name);
      if (names.join() !== GUARDS.join()) found.push(`the filters are ${names.join(", ")}`);
      const allow = filters.find((f) => f.name === FILTER.allow)?.typed_config;
      if (
        allow?.["@type"] !== "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC" ||
        allow.rules.action !== "ALLOW" ||
        Object.keys(allow.rules.policies).length > 0
      )
        found.push("what has no entry is not refused");
      if (!JSON.stringify(manager.early_header_mutation_extensions ?? []).includes("x-catalyst-("))
        found.push("a peer's own x-catalyst-* headers are kept");
    }
  }
  return found;
}

function openInSocket({ transport_socket }: Chain): string[] {
  const tls = transport_socket?.typed_config;
  if (tls?.["@type"] !== "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext")
    return ["there is no TLS"];
  const found: string[] = [];
  if (tls.require_client_certificate !== true) found.push("no client certificate is asked for");
  if (tls.common_tls_context?.validation_context_sds_secret_config === undefined)
    found.push("client certificates are not checked");
  return found;
}

export function openInEgressListener({ filter_chains = [] }: Listener): string[] {
  return filter_chains
    .flatMap((chain) => chain.filters ?? [])
    .flatMap(({ typed_config: manager }) => {
      if (!isManager(manager)) return ["a filter is no HTTP connection manager"];
      const stripped = JSON.stringify(manager.early_header_mutation_extensions ?? []);
      return stripped.includes('"authorization"') ? [] : ["tokens leave the node"];
    });
}

/** Each virtual host names the peers that may use it, and no route says otherwise. */
export const openInPeerRoutes = (between: Between, { name, virtual_hosts }: RouteConfiguration): string[] =>
  virtual_hosts.flatMap((host) => {
    const allow = host.typed_per_filter_config?.[FILTER.allow];
    if (allow?.["@type"] !== "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute")
      return [`${name}: no RBAC entry`];
    const { action, policies } = allow.rbac.rules;
    const found = action === "ALLOW" ? [] : [`${name}: the entry has another action`];
    const known = between === "none" ? namesPeers(host.name) : provesPeers;
    if (!Object.entries(policies).every(known)) found.push(`${name}: someone is let in who is no peer`);
    if (host.routes.some((route) => route.typed_per_filter_config !== undefined))
      found.push(`${name}: a route has entries of its own`);
    return found;
  });

type Policy = Messages["envoy.config.rbac.v3.Policy"];

const provesPeers = ([, { principals }]: readonly [string, Policy]): boolean =>
  principals.every((each) => JSON.stringify(each).startsWith('{"authenticated":{"principal_name":{'));

/** Each permission is what one node calls itself; only the health check is for all. */
const namesPeers =
  (host: string) =>
  ([name, { permissions }]: readonly [string, Policy]): boolean =>
    name === IDENTITY_NONE_POLICY &&
    (host === HEALTH_HOST ||
      permissions.every((each) => JSON.stringify(each).startsWith(`{"header":{"name":"${PATH_HEADER}",`)));

type Chain = NonNullable<Listener["filter_chains"]>[number];
type Packed = NonNullable<
  NonNullable<NonNullable<Listener["filter_chains"]>[number]["filters"]>[number]["typed_config"]
>;
type Manager = Extract<
  Packed,
  {
    readonly "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
  }
>;

const isManager = (config: Packed | undefined): config is Manager =>
  config?.["@type"] ===
  "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
