// The node's own paths at ingress: health, key set, discovery, tokens and the graph, and at the end what answers 404 to
// those who may ask. Services under a prefix stand between (ingress.ts joins them). Order matters: Envoy takes the first
// route that matches, so the public ones stand first and every other needs a token.

import type { EnvoyBase } from "./base.ts";
import type { Any } from "../generated/messages.ts";
import { noToken } from "./jwt.ts";
import { AUTH_CLUSTER, FILTER, GATEWAY_CLUSTER } from "./names.ts";
import type { Route, RouteMatch } from "./names.ts";
import { PUBLIC_PATHS } from "./public.ts";
import { anyToken, publicAccess } from "./rbac.ts";

/** Prefixes no service may take. */
export const RESERVED_PREFIXES: readonly string[] = ["/graphql", "/auth", "/.well-known", "/healthz"];

export type Action = Extract<Route, { readonly route: unknown }>["route"];

/** Nothing of a request was sent when one of these happens, so that sending it again is safe for every method. */
export const RETRY = { retry_on: "connect-failure,refused-stream,reset-before-request", num_retries: 2 };

/** For streams that have no end of their own; one that says nothing for an hour is given up. */
export const ENDLESS = { timeout: "0s", idle_timeout: "3600s" } as const;

export function firstRoutes(base: EnvoyBase): Route[] {
  return [...PUBLIC_PATHS.map((path) => publicRoute(base, path)), ...graphRoutes(base), authRoute(base)];
}

/** Who may ask learns that nothing is there; who may not, learns nothing. */
export const lastRoutes = (base: EnvoyBase): Route[] => [
  {
    name: "unknown",
    match: { prefix: "/" },
    direct_response: { status: 404 },
    typed_per_filter_config: { [FILTER.allow]: anyToken(base.identity) },
  },
];

function publicRoute(
  base: EnvoyBase,
  { name, match }: { readonly name: string; readonly match: RouteMatch },
): Route {
  const typed_per_filter_config = {
    [FILTER.allow]: publicAccess(),
    ...(base.identity === "none" ? {} : { [FILTER.jwt]: noToken() }),
  };
  if (name === "/healthz")
    return {
      name,
      match,
      direct_response: { status: 200, body: { inline_string: "ok\n" } },
      typed_per_filter_config,
    };
  const cluster = name.startsWith("/graphql") ? GATEWAY_CLUSTER : AUTH_CLUSTER;
  return {
    name,
    match,
    route: { cluster, timeout: "5s" },
    typed_per_filter_config: { ...typed_per_filter_config, [FILTER.buffer]: buffered(base) },
  };
}

function graphRoutes(base: EnvoyBase): Route[] {
  const graph = (
    name: string,
    headers: RouteMatch["headers"],
    action: Omit<Action, "cluster">,
    filters: Readonly<Record<string, Any>> = { [FILTER.buffer]: buffered(base) },
  ): Route => ({
    name,
    match: { path_separated_prefix: "/graphql", ...(headers === undefined ? {} : { headers }) },
    route: { cluster: GATEWAY_CLUSTER, ...action },
    typed_per_filter_config: { [FILTER.allow]: anyToken(base.identity), ...filters },
  });
  return [
    graph(
      "graphql#websocket",
      [{ name: "upgrade", string_match: { exact: "websocket", ignore_case: true } }],
      ENDLESS,
      {},
    ),
    graph("graphql#events", [{ name: "accept", string_match: { contains: "text/event-stream" } }], ENDLESS),
    // The gateway has the shorter deadline and answers by itself.
    graph("graphql", undefined, { timeout: "60s", retry_policy: RETRY }),
  ];
}

const authRoute = (base: EnvoyBase): Route => ({
  name: "auth",
  match: { path_separated_prefix: "/auth" },
  route: { cluster: AUTH_CLUSTER, timeout: "5s" },
  typed_per_filter_config: {
    [FILTER.allow]: anyToken(base.identity),
    [FILTER.buffer]: buffered(base),
  },
});

/** Bodies are held until they are whole and found small enough. */
const buffered = (base: EnvoyBase): Any => ({
  "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute",
  buffer: { max_request_bytes: base.bodyLimitBytes },
});

/** Bodies stream through instead of being held and counted: for all of ingress, but for routes that say otherwise. */
export const unbuffered = (): Any => ({
  "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute",
  disabled: true,
});
