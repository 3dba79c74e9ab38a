// What one side told another, as 256 sums of 64 bits: equal sums mean equal routes, whatever the order in which they came. Kept up
// to date row by row (one XOR in, one XOR out), so a comparison costs nothing but its own message, and a difference names the
// buckets to send again. Only fields of protocol version 1 are summed, by name: a side that ignores a field it does not know must
// come to the same sum. It finds divergence, not forgery. Follows docs/internals/session.md section 6.

import type { Route } from "./route.ts";
import { hashOf, type Lanes, Mixer } from "./state-hash.ts";

export const BUCKETS = 256;

/** Sixteen hexadecimal digits a bucket. */
export type Sum = string;

/** The place of a route in a digest; signed 32-bit numbers, which cost no memory of their own. */
export interface Row {
  readonly bucket: number;
  readonly a: number;
  readonly b: number;
}

export type Buckets = readonly number[] | "all";

export const bucketOf = (key: string): number => hashOf(key).a & (BUCKETS - 1);

/** One for all: nothing that is mixed calls back. */
const mixer = new Mixer();

/** Tolerates a route with wrong members: one that was rejected was told all the same. */
export function rowOf(route: Route): Row {
  const way = wayOf(route);
  mixer.value(route.key);
  const key = mixer.lanes();
  mixer.word(way.a);
  mixer.word(way.b);
  mixer.word(key.a);
  mixer.word(key.b);
  mixer.value(route.version?.seq);
  mixer.value(route.notAfter);
  mixer.value(route.details);
  const { a, b } = mixer.lanes();
  return { bucket: key.a & (BUCKETS - 1), a: a | 0, b: b | 0 };
}

/** Routes of one frame mostly share their way, so its hash is kept while it stays the same: two thirds of the work. */
let last: { readonly route: Route; readonly lanes: Lanes } | undefined;

function wayOf(route: Route): Lanes {
  if (last !== undefined && sameWay(last.route, route)) return last.lanes;
  const lanes = hashOf([
    route.protocol,
    route.origin,
    route.version?.epoch,
    route.orgPath,
    route.nodePath,
    route.nextHop,
    route.nextHopAddress,
    route.scope,
    route.onlyToCustomer,
    route.cost,
    route.localPreference,
    route.health,
  ]);
  last = { route, lanes };
  return lanes;
}

function sameWay(a: Route, b: Route): boolean {
  return (
    a.origin === b.origin &&
    a.nextHop === b.nextHop &&
    a.version?.epoch === b.version?.epoch &&
    a.protocol === b.protocol &&
    a.nextHopAddress === b.nextHopAddress &&
    a.scope === b.scope &&
    a.onlyToCustomer === b.onlyToCustomer &&
    a.cost === b.cost &&
    a.localPreference === b.localPreference &&
    a.health === b.health &&
    sameNames(a.nodePath, b.nodePath) &&
    sameNames(a.orgPath, b.orgPath)
  );
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  if (a === b) return true;
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

const ALL: readonly number[] = Array.from({ length: BUCKETS }, (_, bucket) => bucket);
const NOTHING: Sum = "0".repeat(16);

const hex = (value: number): string => (value >>> 0).toString(16).padStart(8, "0");

export class Digest {
  readonly #a = new Int32Array(BUCKETS);
  readonly #b = new Int32Array(BUCKETS);
  readonly #counts = new Int32Array(BUCKETS);
  /** Texts of the buckets that did not change since they were asked for. */
  readonly #texts: (Sum | undefined)[] = Array.from(ALL, () => NOTHING);

  add(row: Row): void {
    this.#put(row, 1);
  }

  remove(row: Row): void {
    this.#put(row, -1);
  }

  count(buckets: Buckets = "all"): number {
    return this.#over(buckets).reduce((sum, bucket) => sum + (this.#counts[bucket] ?? 0), 0);
  }

  /** One sum over several buckets, for an end mark. */
  sum(buckets: Buckets = "all"): Sum {
    let a = 0;
    let b = 0;
    for (const bucket of this.#over(buckets)) {
      a ^= this.#a[bucket] ?? 0;
      b ^= this.#b[bucket] ?? 0;
    }
    return hex(a) + hex(b);
  }

  sums(): Sum[] {
    return ALL.map(
      (bucket) => (this.#texts[bucket] ??= hex(this.#a[bucket] ?? 0) + hex(this.#b[bucket] ?? 0)),
    );
  }

  /** Buckets that differ from the other side's sums. */
  differ(sums: readonly Sum[]): number[] {
    const own = this.sums();
    return own.flatMap((sum, bucket) => (sum === sums[bucket] ? [] : [bucket]));
  }

  /** This one without what is in another, all of which it holds. */
  without(other: Digest): Digest {
    const rest = new Digest();
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      rest.#a[bucket] = (this.#a[bucket] ?? 0) ^ (other.#a[bucket] ?? 0);
      rest.#b[bucket] = (this.#b[bucket] ?? 0) ^ (other.#b[bucket] ?? 0);
      rest.#counts[bucket] = (this.#counts[bucket] ?? 0) - (other.#counts[bucket] ?? 0);
      if (rest.#a[bucket] !== 0 || rest.#b[bucket] !== 0) rest.#texts[bucket] = undefined;
    }
    return rest;
  }

  #over(buckets: Buckets): readonly number[] {
    return buckets === "all" ? ALL : buckets;
  }

  #put({ bucket, a, b }: Row, count: number): void {
    this.#a[bucket] = (this.#a[bucket] ?? 0) ^ a;
    this.#b[bucket] = (this.#b[bucket] ?? 0) ^ b;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
    this.#texts[bucket] = undefined;
  }
}
