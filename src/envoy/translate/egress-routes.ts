// The routes of one imported service at egress: over its paths, nothing else. Anyone who reaches egress may ask; the node
// that exports the service decides whether this node may.

import type { EnvoyImportWant, NodeName } from "#routing";
import type { RouteConfiguration } from "./peering-names.ts";
import { pathRoutes, routeConfiguration } from "./peering-routes.ts";

export function egressRoutes(node: NodeName, want: EnvoyImportWant): RouteConfiguration {
  const routes = pathRoutes(want.service, want.paths);
  if (want.aliases === undefined) return routeConfiguration("egress", node, want.service, { routes });
  // The peer knows it by its own name only.
  const named = routes.map((route) =>
    route.route === undefined
      ? route
      : { ...route, route: { ...route.route, host_rewrite_literal: want.service } },
  );
  return routeConfiguration("egress", node, want.service, { routes: named });
}
