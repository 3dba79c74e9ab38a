// What one side told another, as 256 sums of 64 bits: equal sums mean equal routes, whatever the order in which they came. Kept up
// to date row by row (one XOR in, one XOR out), so a comparison costs nothing but its own message, and a difference names the
// buckets to send again. Only fields of protocol version 1 are summed, by name: a side that ignores a field it does not know must
// come to the same sum. It finds divergence, not forgery. Follows peering.md sections 6 and 8.

import type { Route } from "./route.ts";
import { hashOf } from "./state-hash.ts";

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

/** Tolerates a route with wrong members: one that was rejected was told all the same. */
export function rowOf(route: Route): Row {
  const { version, attributes } = route;
  const { a, b } = hashOf([
    route.key,
    route.protocol,
    route.origin,
    version?.epoch,
    version?.seq,
    route.orgPath,
    route.nodePath,
    route.nextHop,
    route.nextHopAddress,
    route.scope,
    route.onlyToCustomer,
    route.cost,
    route.localPreference,
    route.communities,
    route.notAfter,
    attributes?.health,
    attributes?.region,
    attributes?.schema,
    attributes?.descriptor,
    attributes?.labels,
  ]);
  return { bucket: bucketOf(route.key), a: a | 0, b: b | 0 };
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
