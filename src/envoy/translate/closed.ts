// The last look at every resource before it is published: forms that Envoy accepts and that leave a filter open. Most of
// them cannot be written at all, since tools/envoy-messages.ts leaves their fields out and marks others as required; what
// the types cannot say is checked here: that the rule of jwt_authn needs a token for everything, that only public routes go
// without, that no route is open to everyone unless it is public or the mode is none, and that the filters stand in order. A finding
// is a defect of this program and stops the publishing. Each form has a live test (fail-open.live.test.ts).

import type { Any, Messages } from "../generated/messages.ts";
import type { IdentityMode } from "./base.ts";
import { FILTER, clusterOf, serviceOf } from "./names.ts";
import type { Cluster, Extension, Listener, Route, RouteMatch, VirtualHost } from "./names.ts";
import { PUBLIC_PATHS } from "./public.ts";
import { IDENTITY_NONE_POLICY, PUBLIC_POLICY, listenerPolicies, serviceMetadata } from "./rbac.ts";

const url = <const N extends string>(name: N): `type.googleapis.com/${N}` => `type.googleapis.com/${name}`;
const JWT = url("envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication");
const JWT_ROUTE = url("envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig");
const RBAC = url("envoy.extensions.filters.http.rbac.v3.RBAC");
const RBAC_ROUTE = url("envoy.extensions.filters.http.rbac.v3.RBACPerRoute");
const BUFFER_ROUTE = url("envoy.extensions.filters.http.buffer.v3.BufferPerRoute");
const HCM = url("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager");

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
const isPublic = (match: RouteMatch): boolean => PUBLIC_PATHS.some((p) => same(p.match, match));

/** What is open in it; empty = closed. */
export function openInExtension(extension: Extension): string[] {
  const jwt = extension.typed_config;
  if (extension.name !== FILTER.jwt || jwt["@type"] !== JWT) return ["the extension is not jwt_authn"];
  const found: string[] = [];
  const requirements = new Set(
    Object.entries(jwt.requirement_map)
      .filter(([, r]) => jwt.providers[r.provider_name] !== undefined)
      .map(([name]) => name),
  );
  if (requirements.size !== Object.keys(jwt.requirement_map).length)
    found.push("a requirement names no provider");
  const [rule, ...others] = jwt.rules;
  if (
    others.length > 0 ||
    !same(rule?.match, { prefix: "/" }) ||
    !requirements.has(rule?.requirement_name ?? "")
  )
    found.push("its rules are not the one that asks a token for everything");
  return found;
}

/** The order of filters is part of the promise: nothing may stand between a key, its token and the rules. */
export function openInListener(mode: IdentityMode, listener: Listener): string[] {
  const managers = (listener.filter_chains ?? []).flatMap((c) => c.filters ?? []).map((f) => f.typed_config);
  if (managers.length === 0) return ["the listener has no filter"];
  return managers.flatMap((manager) => {
    if (manager?.["@type"] !== HCM) return ["a filter is no HTTP connection manager"];
    const names = (manager.http_filters ?? []).map((f) => f.name);
    const guards = [FILTER.deny, FILTER.allow, FILTER.buffer, FILTER.router];
    const wanted = mode === "none" ? guards : [FILTER.key, FILTER.jwt, ...guards];
    const found = same(names, wanted) ? [] : [`the filters are ${names.join(", ")}`];
    for (const { name, typed_config: config } of manager.http_filters ?? []) {
      if (name !== FILTER.deny && name !== FILTER.allow) continue;
      const policies = name === FILTER.allow ? listenerPolicies(mode) : {};
      const action = name === FILTER.allow ? "ALLOW" : "DENY";
      if (config?.["@type"] !== RBAC || !same(config.rules, { action, policies }))
        found.push(`${name} has rules of its own`);
    }
    if (!strips(manager)) found.push("a client's own x-catalyst-* headers are kept");
    return found;
  });
}

const strips = (
  manager: Messages["envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"],
): boolean => JSON.stringify(manager.early_header_mutation_extensions ?? []).includes('"x-catalyst-"');

/** A route of the node's own virtual host, where paths may be public. */
export const openInRoute = (mode: IdentityMode, route: Route): string[] => [
  ...openFilters(mode, route.typed_per_filter_config ?? {}, isPublic(route.match)).map(
    (text) => `${route.name}: ${text}`,
  ),
  ...unnamed(mode, route, route.typed_per_filter_config ?? {}).map((text) => `${route.name}: ${text}`),
];

/** A route whose access stands nowhere, or that would lead to another service than its own. */
function unnamed(mode: IdentityMode, route: Route, filters: Readonly<Record<string, Any>>): string[] {
  if (filters[FILTER.allow] !== undefined) return [];
  if (mode !== "own") return ["no RBAC entry"];
  if (route.route === undefined) return ["no RBAC entry, and it leads to no service"];
  return route.route.cluster === clusterOf(route.name) ? [] : ["it leads to another service"];
}

/** The cluster of a service: what it says of whose it is decides who may use it. */
export function openInCluster(cluster: Cluster): string[] {
  const service = serviceOf(cluster.name);
  return service !== undefined && same(cluster.metadata, serviceMetadata(service))
    ? []
    : [`${cluster.name}: its metadata name another service`];
}

/** A service's virtual host: nothing in it is public. */
export function openInHost(mode: IdentityMode, host: VirtualHost): string[] {
  const shared = host.typed_per_filter_config ?? {};
  const found = openFilters(mode, shared, false);
  for (const route of host.routes) {
    const own = route.typed_per_filter_config ?? {};
    if (route.name !== host.name) found.push(`it has a route of ${route.name}`);
    found.push(...unnamed(mode, route, { ...shared, ...own }), ...openFilters(mode, own, false));
  }
  return found.map((text) => `${host.name}: ${text}`);
}

function openFilters(mode: IdentityMode, filters: Readonly<Record<string, Any>>, open: boolean): string[] {
  const types: Readonly<Record<string, string>> = {
    [FILTER.jwt]: JWT_ROUTE,
    [FILTER.deny]: RBAC_ROUTE,
    [FILTER.allow]: RBAC_ROUTE,
    [FILTER.buffer]: BUFFER_ROUTE,
  };
  return Object.entries(filters).flatMap(([name, config]) => {
    if (types[name] !== config["@type"]) return [`${name} carries ${config["@type"]}`];
    if (config["@type"] === JWT_ROUTE && !open) return [`${name} asks for no token`];
    if (config["@type"] !== RBAC_ROUTE) return [];
    if (config.rbac?.rules === undefined) return [`${name} has no rules and is off`];
    if ((config.rbac.rules.action === "ALLOW") !== (name === FILTER.allow))
      return [`${name} has another action`];
    return Object.entries(config.rbac.rules.policies).flatMap(([policy, { principals }]) => {
      if (!principals.some((p) => p.any === true)) return [];
      if (policy === PUBLIC_POLICY && open) return [];
      if (policy === IDENTITY_NONE_POLICY && mode === "none") return [];
      return [`policy ${policy} admits everyone`];
    });
  });
}
