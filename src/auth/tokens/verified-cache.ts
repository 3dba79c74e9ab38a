// Tokens that were verified a moment ago, by the hash of the token: a hit costs a microsecond, a check half a millisecond.
// Follows docs/internals/identity.md section 3. Invariants: only successes are kept; an entry dies at its own expiry, after five
// minutes, and when its key leaves the key set; memory is bounded, the least recently used entry goes first.

import type { Claims } from "#rpc";
import { VERIFIED_LIFE_MS } from "../limits.ts";
import type { VerifyKey } from "../sources/key-source.ts";

export interface VerifiedEntry {
  readonly claims: Claims;
  readonly key: VerifyKey;
  /** When the entry dies, milliseconds since the epoch. */
  readonly until: number;
  /** The clock when it was made: a wall clock set back must not lengthen its life. */
  readonly since: number;
}

export class VerifiedCache {
  readonly #entries = new Map<string, VerifiedEntry>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(hash: string, now: number): VerifiedEntry | undefined {
    const entry = this.#entries.get(hash);
    if (entry === undefined) return undefined;
    this.#entries.delete(hash);
    if (now >= entry.until || now < entry.since) return undefined;
    // Set again: a Map keeps the order of insertion, so the oldest use stands first.
    this.#entries.set(hash, entry);
    return entry;
  }

  put(hash: string, claims: Claims, key: VerifyKey, now: number): void {
    const until = Math.min(claims.exp * 1_000, now + VERIFIED_LIFE_MS);
    if (until <= now) return;
    this.#entries.set(hash, { claims, key, until, since: now });
    if (this.#entries.size <= this.#max) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }

  /** Drops the entries whose key is no longer the one in the set; walks them all, which happens once per change of keys. */
  keepOnly(keys: ReadonlyMap<string, VerifyKey>): void {
    for (const [hash, { key }] of this.#entries) {
      if (keys.get(key.kid) !== key) this.#entries.delete(hash);
    }
  }
}
