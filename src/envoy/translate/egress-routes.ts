// The routes of one imported service at egress: over its paths, nothing else. Anyone who reaches egress may ask; the node
// that exports the service decides whether this node may.

import type { EnvoyImportWant, NodeName } from "#routing";
import { pathsClusterOf } from "./peering-names.ts";
import type { RouteConfiguration } from "./peering-names.ts";
import { pathRoutes, routeConfiguration } from "./peering-routes.ts";

export const egressRoutes = (node: NodeName, want: EnvoyImportWant): RouteConfiguration =>
  routeConfiguration("egress", node, want.service, {
    routes: pathRoutes(want.service, pathsClusterOf(want.paths.map((p) => p.node))),
  });
