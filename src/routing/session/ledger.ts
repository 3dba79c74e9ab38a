// What a peer told, as sums only: one row of a digest a name, with the generation that confirmed it last. It knows what the end of
// a synchronisation leaves unconfirmed, how many routes a peer holds here, and what its digest must be; also for routes that were
// rejected, for they were told all the same. Rows stand in typed arrays: some 50 bytes a route.

import { bucketOf, type Buckets, Digest, type Row, rowOf } from "../digest.ts";
import type { Route } from "../route.ts";
import type { ServiceName } from "../service.ts";

const FIRST_ROWS = 64;

export class Ledger {
  readonly digest = new Digest();
  readonly #places = new Map<ServiceName, number>();
  readonly #free: number[] = [];
  #a = new Int32Array(FIRST_ROWS);
  #b = new Int32Array(FIRST_ROWS);
  #generations = new Int32Array(FIRST_ROWS);
  #used = 0;

  get size(): number {
    return this.#places.size;
  }

  has(key: ServiceName): boolean {
    return this.#places.has(key);
  }

  put(route: Route, generation: number): void {
    const { key } = route;
    const row = rowOf(route);
    const known = this.#places.get(key);
    const place = known ?? this.#take();
    if (known === undefined) this.#places.set(key, place);
    else this.digest.remove(this.#row(row.bucket, known));
    this.#a[place] = row.a;
    this.#b[place] = row.b;
    this.#generations[place] = generation;
    this.digest.add(row);
  }

  /** False when the peer never told it: nobody withdraws what they did not announce. */
  remove(key: ServiceName): boolean {
    const place = this.#places.get(key);
    if (place === undefined) return false;
    this.digest.remove(this.#row(bucketOf(key), place));
    this.#places.delete(key);
    this.#free.push(place);
    return true;
  }

  /** Names of these buckets that were not told since this generation began. */
  unconfirmed(buckets: Buckets, generation: number): ServiceName[] {
    const wanted = buckets === "all" ? undefined : new Set(buckets);
    const keys: ServiceName[] = [];
    for (const [key, place] of this.#places) {
      if ((this.#generations[place] ?? 0) >= generation) continue;
      if (wanted === undefined || wanted.has(bucketOf(key))) keys.push(key);
    }
    return keys;
  }

  #row(bucket: number, place: number): Row {
    return { bucket, a: this.#a[place] ?? 0, b: this.#b[place] ?? 0 };
  }

  #take(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#used === this.#a.length) {
      this.#a = grown(this.#a);
      this.#b = grown(this.#b);
      this.#generations = grown(this.#generations);
    }
    this.#used += 1;
    return this.#used - 1;
  }
}

function grown(rows: Int32Array): Int32Array<ArrayBuffer> {
  const next = new Int32Array(rows.length * 2);
  next.set(rows);
  return next;
}
