// What is published between nodes, translated, checked and encoded: one function per kind of resource. The check is the last
// guard (translate/peering-closed.ts): what leaves something open is a defect of ours and is not published.

import type { EnvoyExportWant, EnvoyImportWant, ExportTarget, NodeName, OrgName } from "#routing";
import { encode } from "./encode.ts";
import { assertClosed, clusterChanges } from "./prepare.ts";
import {
  EGRESS,
  HEALTH_HOST,
  NODE_CERT,
  PEER,
  PEERS_SECRET,
  egressListener,
  egressRoutes,
  healthRoutes,
  nodeCertSecret,
  openInEgressListener,
  openInPeerListener,
  openInPeerRoutes,
  peerListener,
  peerRoutes,
  peersSecret,
  routesOf,
  scopeOf,
  trustSecret,
  trustSecretOf,
} from "./translate/index.ts";
import type { Between, PeeringBase, Proven, RouteConfiguration, Side } from "./translate/index.ts";
import { refOf } from "./xds/index.ts";
import type { Change, Ref } from "./xds/index.ts";

export interface Certificate {
  /** PEM texts. */
  readonly certificate: string;
  readonly key: string;
}

const SECRET = "envoy.extensions.transport_sockets.tls.v3.Secret";

export const nodeCertChange = (own: Certificate): Change => ({
  type: "secret",
  name: NODE_CERT,
  bytes: encode(SECRET, nodeCertSecret(own)),
});

export const trustChange = (organization: OrgName, trust: Proven): Change => ({
  type: "secret",
  name: trustSecretOf(organization),
  bytes: encode(SECRET, trustSecret(organization, trust)),
});

/** Undefined when nobody is trusted. */
export function peersChange(trust: Iterable<Proven>): Change | undefined {
  const secret = peersSecret(trust);
  return secret && { type: "secret", name: PEERS_SECRET, bytes: encode(SECRET, secret) };
}

export function peerListenerChange(
  node: NodeName,
  at: NonNullable<PeeringBase["peer"]>,
  between: Between,
): Change {
  const listener = peerListener(node, at, between);
  assertClosed(openInPeerListener(between, listener));
  const bytes = encode("envoy.config.listener.v3.Listener", listener);
  return {
    type: "listener",
    name: PEER,
    bytes,
    needs: between === "none" ? [] : [refOf("secret", NODE_CERT), refOf("secret", PEERS_SECRET)],
  };
}

export function egressListenerChange(at: NonNullable<PeeringBase["egress"]>): Change {
  const listener = egressListener(at);
  assertClosed(openInEgressListener(listener));
  return { type: "listener", name: EGRESS, bytes: encode("envoy.config.listener.v3.Listener", listener) };
}

export const healthChanges = (node: NodeName, between: Between): Change[] => {
  const { route, scope } = peerChanges(HEALTH_HOST, healthRoutes(node, between), [], between);
  return [route, scope()];
};

export const importChanges = (node: NodeName, want: EnvoyImportWant, cluster: string): RouteChanges =>
  routeChanges("egress", want.service, egressRoutes(node, want), [refOf("cluster", cluster)]);

export const exportChanges = (
  node: NodeName,
  want: EnvoyExportWant,
  cluster: string,
  between: Between,
): RouteChanges =>
  peerChanges(want.service, peerRoutes(node, want, between), [refOf("cluster", cluster)], between);

function peerChanges(
  host: string,
  routes: RouteConfiguration,
  needs: readonly Ref[],
  between: Between,
): RouteChanges {
  assertClosed(openInPeerRoutes(between, routes));
  return routeChanges("peer", host, routes, needs, between);
}

/** A further name at egress that leads to the routes of a service. */
export const aliasChange = (service: string, alias: string): Change => ({
  type: "scope",
  name: routesOf("egress", alias),
  bytes: encode("envoy.config.route.v3.ScopedRouteConfiguration", scopeOf("egress", alias, service)),
  needs: [refOf("route", routesOf("egress", service))],
});

/** Cluster and endpoints of an own service, as peers reach it. */
export function ownClusterChanges(
  service: string,
  { endpoints: hosts }: Extract<ExportTarget, { readonly kind: "own" }>,
): Change[] {
  const { cluster, endpoints } = clusterChanges({ service, endpoints: hosts });
  return [cluster, endpoints];
}

/** A service's routes, and the scope by which they are found; that one is the same whatever the routes say. */
export interface RouteChanges {
  readonly route: Change;
  readonly scope: () => Change;
}

function routeChanges(
  side: Side,
  host: string,
  routes: RouteConfiguration,
  needs: readonly Ref[],
  between?: Between,
): RouteChanges {
  const name = routesOf(side, host);
  const bytes = encode("envoy.config.route.v3.RouteConfiguration", routes);
  return {
    route: { type: "route", name, bytes, needs },
    scope: () => ({
      type: "scope",
      name,
      bytes: encode("envoy.config.route.v3.ScopedRouteConfiguration", scopeOf(side, host, host, between)),
      needs: [refOf("route", name)],
    }),
  };
}
