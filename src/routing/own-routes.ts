// The node's own services as paths of its own table: they are decided, explained and exported like what others tell. The version is
// made once a commit and only when what a peer would see changed; its epoch is the time of the first commit, so a restarted
// node speaks of newer routes than before. The lease is renewed well before it ends, which is a new version too.

import type { Millis } from "#kernel";
import { detailsOf } from "./details.ts";
import { OWN, OWN_OFFERED } from "./import-policy.ts";
import { LEASE_MS } from "./origin.ts";
import type { Path } from "./path.ts";
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

/** Whether others would see a difference, or others would see it. Each part is replaced, never changed in place. */
export function showsOther(a: Service | undefined, b: Service | undefined): boolean {
  if (a === undefined || b === undefined) return a !== b;
  return (
    a.health !== b.health ||
    a.schema?.hash !== b.schema?.hash ||
    a.protocol !== b.protocol ||
    a.export !== b.export ||
    a.labels !== b.labels
  );
}

export class OwnRoutes {
  readonly #node: NodeName;
  #epoch: number | undefined;

  constructor(node: NodeName) {
    this.#node = node;
  }

  /** The service as the `seq`th commit, at `at`, leaves it. */
  learn(service: Service, seq: number, at: Millis): RouteDelta {
    this.#epoch ??= at;
    return {
      kind: "route.learn",
      peer: this.#node,
      route: this.#route(service, this.#epoch, seq, at),
      verdict: service.export ? OWN_OFFERED : OWN,
    };
  }

  /** Nobody shall look for another way to a service that its own node took back. */
  bury(key: ServiceName, seq: number, at: Millis): RouteDelta {
    this.#epoch ??= at;
    const version = { epoch: this.#epoch, seq };
    return { kind: "route.bury", stone: { key, origin: this.#node, version, at } };
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
      notAfter: at + LEASE_MS,
      health,
      details: detailsOf({
        ...(schema === undefined ? {} : { schema: schema.hash }),
        ...(labels === undefined ? {} : { labels }),
      }),
    };
  }
}
