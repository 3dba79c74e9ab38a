// What was published last, as JSON that reads like Envoy's documentation; `catalyst envoy config` shows it. Private keys are
// redacted by the decoder.

import { decode } from "./decode.ts";
import type { Messages } from "./generated/messages.ts";
import type { ResourceType, XdsServer } from "./xds/index.ts";

export interface PublishedResource {
  readonly type: ResourceType;
  readonly name: string;
  readonly version: string;
  readonly acknowledged: boolean;
  readonly resource: unknown;
}

const MESSAGE: Readonly<Record<ResourceType, keyof Messages>> = {
  secret: "envoy.extensions.transport_sockets.tls.v3.Secret",
  cluster: "envoy.config.cluster.v3.Cluster",
  endpoint: "envoy.config.endpoint.v3.ClusterLoadAssignment",
  extension: "envoy.config.core.v3.TypedExtensionConfig",
  listener: "envoy.config.listener.v3.Listener",
  scope: "envoy.config.route.v3.ScopedRouteConfiguration",
  route: "envoy.config.route.v3.RouteConfiguration",
};

export function publishedResources(
  server: Pick<XdsServer, "resources">,
  filter: { readonly type?: string; readonly name?: string } = {},
): PublishedResource[] {
  const found: PublishedResource[] = [];
  for (const { bytes, ...head } of server.resources()) {
    if (filter.type !== undefined && filter.type !== head.type) continue;
    if (filter.name !== undefined && filter.name !== head.name) continue;
    found.push({ ...head, resource: decode(MESSAGE[head.type], bytes) });
  }
  return found;
}
