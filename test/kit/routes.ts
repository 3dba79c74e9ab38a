// Routes and peers for tests of the route table, with only what a test speaks of written out. Names are "edge1.globex.test" for
// nodes and "reviews.globex.test" for services, so organizations are "globex.test"; this node is "edge1.acme.test".

import { detailsOf, type PeerTerms, type Route, type RouteAttributes, type Self } from "#routing";

export const SELF: Self = {
  node: "edge1.acme.test",
  organization: "acme.test",
  address: "edge1.acme.test:10443",
};

const organizationOf = (node: string) => node.slice(node.indexOf(".") + 1);

export interface SomeRoute extends Partial<Route> {
  readonly key: string;
  readonly via?: readonly string[];
  /** Of the details. */
  readonly communities?: readonly string[];
  readonly attributes?: RouteAttributes;
}

/** A route as `peer` tells it. The path leads from it over `via` to `origin`; organizations follow from the nodes. */
export function routeOf(peer: string, some: SomeRoute): Route {
  const { via, communities = [], attributes = { health: "up" }, ...rest } = some;
  const { health, ...others } = attributes;
  const origin = some.origin ?? peer;
  const nodePath = [peer, ...(via ?? []), ...(origin === peer ? [] : [origin])];
  const orgPath = nodePath.map(organizationOf).filter((org, i, all) => org !== all[i - 1]);
  return {
    protocol: "http",
    origin,
    version: { epoch: 1, seq: 1 },
    orgPath,
    nodePath,
    nextHop: peer,
    nextHopAddress: `${peer}:10443`,
    scope: "transitive",
    cost: 0,
    notAfter: 86_400_000,
    health,
    details: detailsOf({ communities, ...others }),
    ...rest,
  };
}

/** A peer of this node; one of its own organization is internal, others are lateral. */
export function termsOf(node: string, some: Partial<PeerTerms> = {}): PeerTerms {
  const organization = organizationOf(node);
  const inside = organization === SELF.organization;
  return {
    node,
    organization,
    kind: inside ? "internal" : "external",
    role: inside ? "internal" : "lateral",
    onLoss: "depreference",
    limits: { routes: 1_000, rate: 100, bytes: 1 << 20, pathLength: 16 },
    generation: 0,
    longStale: false,
    reach: "up",
    policy: "",
    ...some,
  };
}
