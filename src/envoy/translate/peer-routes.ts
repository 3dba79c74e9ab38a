// The routes of one exported service on the peer listener: to the own endpoints, or on to the next nodes; and the health
// check. Invariant: each virtual host carries an allow entry that names its peers; a service without one is not written.
// A graph has one path, whatever the peer asks for; another http service keeps the peer's path below its own.

import type { EnvoyExportWant, ExportTarget, NodeName } from "#routing";
import type { Duration } from "../generated/messages.ts";
import { PEERS_PRIORITY } from "./cluster.ts";
import { constant } from "./constant.ts";
import { FILTER, clusterOf } from "./names.ts";
import type { Route } from "./names.ts";
import { anyPeerAccess, peersAccess } from "./peer-rbac.ts";
import { HEALTH_HOST, NO_ROUTE_HEADER } from "./peering-names.ts";
import type { Between, RouteConfiguration } from "./peering-names.ts";
import { HTTP, UPGRADES, httpWith, pathRoutes, routeConfiguration } from "./peering-routes.ts";
import type { Action } from "./peering-routes.ts";

export const peerRoutes = (node: NodeName, want: EnvoyExportWant, between: Between): RouteConfiguration =>
  routeConfiguration("peer", node, want.service, {
    typed_per_filter_config: { [FILTER.allow]: peersAccess(want.to, between) },
    // A service cannot say it, or requests that it has answered would be sent again.
    ...(want.target.kind === "own" ? { response_headers_to_remove: [NO_ROUTE_HEADER] } : {}),
    routes: want.target.kind === "own" ? ownRoutes(want, want.target) : onwardRoutes(want, want.target),
  });

export const healthRoutes = (node: NodeName, between: Between): RouteConfiguration =>
  routeConfiguration("peer", node, HEALTH_HOST, {
    typed_per_filter_config: { [FILTER.allow]: anyPeerAccess(between) },
    routes: [{ name: "health", match: { path: "/healthz" }, direct_response: { status: 200 } }],
  });

type Own = Extract<ExportTarget, { readonly kind: "own" }>;
type Onward = Extract<ExportTarget, { readonly kind: "paths" }>;

/** An open stream outlives every withdrawal but this: as long as a connection may live. */
const BOUNDED: Pick<Action, "max_stream_duration"> = {
  max_stream_duration: constant({ max_stream_duration: "86400s" }),
};

const EVENTS = httpWith({ name: "accept", string_match: { contains: "text/event-stream" } });
/** What a node may do by itself for a service of its own. */
const RETRY = constant({ retry_on: "connect-failure,refused-stream,reset-before-request", num_retries: 2 });

const onwardRoutes = (want: EnvoyExportWant, { paths }: Onward): Route[] =>
  pathRoutes(want.service, paths).map((route) =>
    route.route === undefined ? route : { ...route, route: { ...route.route, ...BOUNDED } },
  );

/** Only an event stream is without the service's time limit. */
function ownRoutes(want: EnvoyExportWant, target: Own): Route[] {
  const name = want.service;
  const action: Action = {
    cluster: clusterOf(name),
    priority: PEERS_PRIORITY,
    idle_timeout: "3600s",
    upgrade_configs: UPGRADES,
    retry_policy: RETRY,
    ...BOUNDED,
    ...rewrite(want, target),
  };
  return [
    { name: `${name}#events`, match: EVENTS, route: { ...action, timeout: "0s" } },
    { name, match: HTTP, route: { ...action, timeout: seconds(target.timeoutMs) } },
  ];
}

const seconds = (ms: number): Duration => `${Math.max(1, Math.round(ms)) / 1000}s`;

function rewrite(
  { protocol }: EnvoyExportWant,
  { basePath = "/" }: Own,
): Pick<Action, "prefix_rewrite" | "regex_rewrite"> {
  if (protocol === "http:graphql")
    return { regex_rewrite: { pattern: { regex: "^/.*$" }, substitution: basePath } };
  const base = basePath.replace(/\/+$/, "");
  return base === "" ? {} : { prefix_rewrite: `${base}/` };
}
