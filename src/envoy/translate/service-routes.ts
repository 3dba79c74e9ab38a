// The routes of one http service: a virtual host under its full name (and the further hosts it asked for), and, when it has
// a prefix, routes in the node's own virtual host. Pure fragments: each is encoded once and joined by ingress.ts. What
// cannot be said safely is refused here, with the reason, because one bad fragment would make Envoy refuse all of ingress.

import type { EnvoyServiceWant } from "#routing";
import type { Any, Duration } from "../generated/messages.ts";
import { hostPort, isHostName, isIp } from "./address.ts";
import type { IdentityMode } from "./base.ts";
import { FILTER, clusterOf } from "./names.ts";
import type { Route, VirtualHost } from "./names.ts";
import type { Action } from "./node-routes.ts";
import { ENDLESS, RESERVED_PREFIXES, RETRY } from "./node-routes.ts";
import { anyToken } from "./rbac.ts";

/** Why a want cannot be translated; the words go into the service's quarantine. */
export interface Refusal {
  readonly code: "ERR_INVALID_ARGUMENT" | "ERR_SERVICE_CONFLICT";
  readonly text: string;
}

/** Undefined when the want can be translated. */
export function checkWant(want: EnvoyServiceWant): Refusal | undefined {
  const invalid = (text: string): Refusal => ({ code: "ERR_INVALID_ARGUMENT", text });
  if (!isHostName(want.service)) return invalid(`"${want.service}" is no host name`);
  for (const endpoint of want.endpoints)
    if (hostPort(endpoint) === undefined) return invalid(`endpoint "${endpoint}" is not host:port`);
  for (const host of want.ingress.hosts)
    if (!isHostName(host) || isIp(host) || host === "localhost")
      return invalid(`"${host}" cannot be a host of a service`);
  const { prefix } = want.ingress;
  if (prefix !== undefined && prefix !== "/" && !/^(?:\/[A-Za-z0-9._~!$&'()*+,;=:@-]+)+$/.test(prefix))
    return invalid(`"${prefix}" cannot be a path prefix`);
  if (want.path !== undefined && !/^\/[A-Za-z0-9._~!$&'()*+,;=:@/-]*$/.test(want.path))
    return invalid(`"${want.path}" cannot be the path of an endpoint`);
  const taken = RESERVED_PREFIXES.find((r) => prefix === r || prefix?.startsWith(`${r}/`) === true);
  if (taken !== undefined) return { code: "ERR_SERVICE_CONFLICT", text: `${taken} is the node's own path` };
  return undefined;
}

export const serviceHosts = (want: EnvoyServiceWant): string[] => [
  ...new Set([want.service, ...want.ingress.hosts]),
];

export const hostForm = (mode: IdentityMode, want: EnvoyServiceWant): VirtualHost => ({
  name: want.service,
  domains: serviceHosts(want),
  typed_per_filter_config: access(mode),
  routes: [
    {
      name: want.service,
      match: { prefix: "/" },
      route: action(want, hostRewrite(want)),
    },
  ],
});

export function prefixForm(mode: IdentityMode, want: EnvoyServiceWant): Route[] {
  const { prefix } = want.ingress;
  if (prefix === undefined) return [];
  const match = prefix === "/" ? { prefix } : { path_separated_prefix: prefix };
  const route = action(want, prefixRewrite(want, prefix));
  return [{ name: want.service, match, route, typed_per_filter_config: access(mode) }];
}

/** Scopes are compared in the listener; where there are none, the route says whom it admits. */
const access = (mode: IdentityMode): Readonly<Record<string, Any>> =>
  mode === "own" ? {} : { [FILTER.allow]: anyToken(mode) };

/**
 * The service's time limit is that of a try: it counts until the answer begins, so that an event stream or an upgraded
 * connection may go on, and one route serves every kind of call. A try that runs out of time is not made again. (A retry policy
 * of the cluster would be cheaper, but Envoy reads no time limit there.)
 */
const action = (want: EnvoyServiceWant, rewrite: Rewrite): Action => ({
  cluster: clusterOf(want.service),
  ...rewrite,
  ...ENDLESS,
  retry_policy: { ...RETRY, per_try_timeout: seconds(want.timeoutMs) },
});

const seconds = (ms: number): Duration => `${Math.max(1, Math.round(ms)) / 1000}s`;

type Rewrite =
  | { readonly prefix_rewrite?: string }
  | {
      readonly regex_rewrite: { readonly pattern: { readonly regex: string }; readonly substitution: string };
    };

/** "" or "/base" without a slash at the end. */
const baseOf = (want: EnvoyServiceWant): string => (want.path ?? "").replace(/\/+$/, "");

const hostRewrite = (want: EnvoyServiceWant): Rewrite =>
  baseOf(want) === "" ? {} : { prefix_rewrite: `${baseOf(want)}/` };

function prefixRewrite(want: EnvoyServiceWant, prefix: string): Rewrite {
  const base = baseOf(want);
  if (prefix === "/") return hostRewrite(want);
  if (!want.ingress.stripPrefix) return base === "" ? {} : { prefix_rewrite: `${base}${prefix}` };
  // A plain prefix_rewrite would leave two slashes for "/files/a", or none for "/files".
  const regex = `^${prefix.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}/*`;
  return { regex_rewrite: { pattern: { regex }, substitution: `${base}/` } };
}
