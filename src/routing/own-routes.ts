// The node's own services as paths of its own table: they are decided, explained and exported like what others tell. The version is
// made here, once a commit and only when what a peer would see changed; its epoch is the time of the first commit, so a restarted
// node speaks of newer routes than before. The lease is renewed well before it ends, which is a new version too.

import type { Millis } from "#kernel";
import { OWN } from "./import-policy.ts";
import { LEASE_MS } from "./origin.ts";
import { detailsOf, type Path } from "./path.ts";
import type { PeerTerms } from "./received.ts";
import type { Route } from "./route.ts";
import type { RouteDelta } from "./route-delta.ts";
import { organizationOf } from "./service-name.ts";
import type { NodeName, Service, ServiceName } from "./service.ts";

/** Renewed when a third of the lease is over. */
const RENEW_MS = (LEASE_MS / 3) * 2;
const UNLIMITED = Number.MAX_SAFE_INTEGER;

export function ownTerms(node: NodeName): PeerTerms {
  const limits = { routes: UNLIMITED, rate: UNLIMITED, bytes: UNLIMITED, pathLength: 1 };
  const organization = organizationOf(node);
  const role = "internal";
  const rest = {
    onLoss: "keep",
    limits,
    local: true,
    generation: 0,
    longStale: false,

    reach: "up",
    policy: "",
  } as const;
  return { node, organization, kind: "internal", role, ...rest };
}

/** True when the lease of an own route has to be renewed. */
export const isDue = (path: Path, at: Millis): boolean => path.notAfter - at < RENEW_MS;

export class OwnRoutes {
  readonly #node: NodeName;
  #epoch: number | undefined;
  #changed = new Set<ServiceName>();

  constructor(node: NodeName) {
    this.#node = node;
  }

  touch(name: ServiceName): void {
    this.#changed.add(name);
  }

  /** What the commit at `at`, the `seq`th, makes of the services that changed. */
  take(
    at: Millis,
    seq: number,
    service: (name: ServiceName) => Service | undefined,
    known: (name: ServiceName) => Path | undefined,
  ): RouteDelta[] {
    this.#epoch ??= at;
    const deltas: RouteDelta[] = [];
    for (const name of this.#changed) {
      const now = service(name);
      const path = known(name);
      if (now === undefined) deltas.push({ kind: "route.unlearn", peer: this.#node, key: name });
      else {
        const route = this.#route(now, this.#epoch, seq, at);
        if (path !== undefined && !isDue(path, at) && saysSame(path, route)) continue;
        deltas.push({ kind: "route.learn", peer: this.#node, route, verdict: OWN });
      }
    }
    this.#changed.clear();
    return deltas;
  }

  #route({ name, protocol, health, schema, labels }: Service, epoch: number, seq: number, at: Millis): Route {
    const node = this.#node;
    return {
      key: name,
      protocol,
      origin: node,
      version: { epoch, seq },
      orgPath: [organizationOf(node)],
      nodePath: [node],
      nextHop: node,
      nextHopAddress: "",
      scope: "transitive",
      cost: 0,
      communities: [],
      notAfter: at + LEASE_MS,
      attributes: {
        health,
        ...(schema === undefined ? {} : { schema: schema.hash }),
        ...(labels === undefined ? {} : { labels }),
      },
    };
  }
}

function saysSame(path: Path, route: Route): boolean {
  const { protocol, attributes } = route;
  return path.health === attributes.health && path.protocol === protocol && path.details === detailsOf(route);
}
