// What the routes of both listeners have in common. They serve http and what rides on it; a request of another protocol must
// find no route (docs/reference/envoy/tunnels.md section 2): CONNECT never matches a prefix, CONNECT-UDP would, and each
// route names all three upgrades as the second lock. Every node adds its name to the path, which is how loops end.

import type { NodeName, PeerPath } from "#routing";
import type { Messages } from "../generated/messages.ts";
import type { Route, RouteMatch, VirtualHost } from "./names.ts";
import { constant } from "./constant.ts";
import { NO_ROUTE_HEADER, PATH_HEADER, pathsClusterOf, routesOf } from "./peering-names.ts";
import type { RouteConfiguration, Side } from "./peering-names.ts";

export type Action = Extract<Route, { readonly route: unknown }>["route"];

/** Everything but CONNECT and CONNECT-UDP; without the last word a request without the header matches nothing. */
export const HTTP: RouteMatch = constant({
  prefix: "/",
  headers: [
    {
      name: "upgrade",
      string_match: { exact: "connect-udp" },
      invert_match: true,
      treat_missing_header_as_empty: true,
    },
  ],
});

/** Of those, the ones that this header tells apart too. */
export const httpWith = (header: Messages["envoy.config.route.v3.HeaderMatcher"]): RouteMatch =>
  constant({ ...HTTP, headers: [...(HTTP.headers ?? []), header] });

export const UPGRADES: NonNullable<Action["upgrade_configs"]> = [
  constant({ upgrade_type: "CONNECT", enabled: false }),
  constant({ upgrade_type: "CONNECT-UDP", enabled: false }),
  constant({ upgrade_type: "websocket" }),
];

const SAFE = httpWith({ name: ":method", string_match: { safe_regex: { regex: "GET|HEAD" } } });

type RetryPolicy = Messages["envoy.config.route.v3.RetryPolicy"];

/** Over one path, and over several: the next try goes to the next one, also where a node has no route any more and this one has
 * not heard of it yet. */
const retry = (on: string): { readonly one: RetryPolicy; readonly several: RetryPolicy } => {
  const policy: RetryPolicy = {
    retry_on: on,
    num_retries: 3,
    retry_back_off: { base_interval: "0.005s", max_interval: "0.05s" },
    retry_priority: {
      name: "envoy.retry_priorities.previous_priorities",
      typed_config: {
        "@type":
          "type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
        update_frequency: 1,
      },
    },
  };
  return {
    one: constant(policy),
    several: constant({
      ...policy,
      retry_on: `${on},retriable-headers`,
      retriable_headers: [{ name: NO_ROUTE_HEADER, present_match: true }],
    }),
  };
};

const RETRY_SAFE = retry("connect-failure,refused-stream,reset");
const RETRY_UNSENT = retry("connect-failure,refused-stream,reset-before-request");

/**
 * Over the paths of a cluster: what is safe to send twice is sent again when a connection breaks, anything else only while
 * nothing of it was sent. The node that serves it limits the time; here only a stream that says nothing is given up.
 */
export function pathRoutes(name: string, paths: readonly PeerPath[]): Route[] {
  const cluster = pathsClusterOf(paths.map((path) => path.node));
  const count = paths.length > 1 ? "several" : "one";
  const action: Action = { cluster, timeout: "0s", idle_timeout: "3600s", upgrade_configs: UPGRADES };
  return [
    {
      name: `${name}#safe`,
      match: SAFE,
      route: { ...action, retry_policy: RETRY_SAFE[count] },
    },
    {
      name,
      match: HTTP,
      route: { ...action, retry_policy: RETRY_UNSENT[count] },
    },
  ];
}

/** A program's own path header is replaced at egress; a peer's is continued. */
const APPEND = { egress: "OVERWRITE_IF_EXISTS_OR_ADD", peer: "APPEND_IF_EXISTS_OR_ADD" } as const;

export const routeConfiguration = (
  side: Side,
  node: NodeName,
  host: string,
  virtualHost: Omit<VirtualHost, "name" | "domains">,
): RouteConfiguration => ({
  name: routesOf(side, host),
  request_headers_to_add: [{ header: { key: PATH_HEADER, value: node }, append_action: APPEND[side] }],
  // The scope has already found the host.
  virtual_hosts: [{ name: host, domains: ["*"], ...virtualHost }],
});
