// What an origin took back: the version of the last words about a name. Every older path to it dies at once, from whomever it came,
// and none comes back by a detour; a clique of eight forgets a withdrawn name with 49 messages instead of 797. Bounded by number
// and age; a forgotten tombstone only costs that convergence, for the lease of a zombie path ends by itself.

import type { Millis } from "#kernel";
import type { RouteVersion } from "./route.ts";
import type { NodeName, ServiceName } from "./service.ts";

export interface Tombstone {
  readonly key: ServiceName;
  readonly origin: NodeName;
  readonly version: RouteVersion;
  readonly at: Millis;
}

/** Some 10 MB; the oldest go first. */
export const TOMBSTONES_MAX = 65_536;
/** Far longer than any path is on its way: restarts, partitions that heal and resynchronisations are minutes. */
export const TOMBSTONE_AGE_MS = 3_600_000;

export const older = (a: RouteVersion, b: RouteVersion): boolean =>
  a.epoch < b.epoch || (a.epoch === b.epoch && a.seq < b.seq);

export class Tombstones {
  /** In the order in which they were set, so the oldest stand first. */
  readonly #all = new Map<string, Tombstone>();
  readonly #max: number;

  constructor(max = TOMBSTONES_MAX) {
    this.#max = max;
  }

  get size(): number {
    return this.#all.size;
  }

  get(key: ServiceName, origin: NodeName): Tombstone | undefined {
    return this.#all.get(nameOf(key, origin));
  }

  /** True when this version of the route was taken back. */
  kills(key: ServiceName, origin: NodeName, version: RouteVersion): boolean {
    if (this.#all.size === 0) return false;
    const stone = this.get(key, origin);
    return stone !== undefined && !older(stone.version, version);
  }

  /** What has to go to make room for one more. */
  excess(): Tombstone | undefined {
    return this.#all.size < this.#max ? undefined : this.#all.values().next().value;
  }

  /** Those that ended by now, oldest first. */
  *ended(at: Millis): Generator<Tombstone> {
    for (const stone of this.#all.values()) {
      if (at - stone.at < TOMBSTONE_AGE_MS) return;
      yield stone;
    }
  }

  set(stone: Tombstone): void {
    const name = nameOf(stone.key, stone.origin);
    this.#all.delete(name);
    this.#all.set(name, stone);
  }

  delete({ key, origin }: Tombstone): void {
    this.#all.delete(nameOf(key, origin));
  }

  values(): Iterable<Tombstone> {
    return this.#all.values();
  }
}

const nameOf = (key: ServiceName, origin: NodeName): string => `${key} ${origin}`;
