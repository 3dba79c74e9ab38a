// No path is used past its lease: what ended is taken out at the tick, also while its peer is away or silent. The leases of own routes
// are renewed here, and tombstones that are old enough forgotten. The heap of ends makes a quiet tick cost nothing.

import { type IRouteTablePlugin, isDue } from "#routing";

export function expiry(): IRouteTablePlugin {
  return {
    name: "expiry",
    apiVersion: 1,
    handles: ["tick"],
    apply({ at }, view, out) {
      const { routes } = view;
      for (const { peerName, key } of routes.ending(at))
        out.push({ kind: "route.unlearn", peer: peerName, key });
      for (const stone of routes.tombstones.ended(at)) out.push({ kind: "route.unbury", stone });
      // The oldest one ends first.
      const oldest = routes.received(view.node)?.oldest;
      if (oldest !== undefined && isDue(oldest, at)) out.push({ kind: "route.renew" });
    },
  };
}
