// Where the keys come from that verify tokens: our own ring, a file, a URL. One interface, one suite of common cases, so that
// the verifier does not know the difference. Follows docs/internals/identity.md sections 3 and 4.
// Invariants: a key that stays keeps its object identity from table to table, so that "is it still the same key" is one
// comparison; `revision` grows with every change, also over restarts as long as the wall clock does not run backward.

import type { KeyObject } from "node:crypto";
import type { Jwk } from "#rpc";
import type { Alg } from "../algorithms.ts";

export interface VerifyKey {
  readonly kid: string;
  readonly alg: Alg;
  readonly jwk: Jwk;
  readonly key: KeyObject;
}

export interface KeyTable {
  readonly revision: number;
  readonly byKid: ReadonlyMap<string, VerifyKey>;
}

export interface KeySource {
  /** The keys that are good now. */
  table(): KeyTable;
  /** A token named a `kid` that is not in the table: look again, if this source can and may. Never throws. */
  refresh(): Promise<void>;
  onChange(listener: (table: KeyTable) => void): () => void;
  /** Why the keys may be missing or old, in one line. */
  problem(): string | undefined;
  /** Age of the last fresh answer, for sources that fetch. */
  ageMs(): number | undefined;
  close(): Promise<void>;
}

export const EMPTY_TABLE: KeyTable = { revision: 0, byKid: new Map() };

/** The table after `keys` came in; the same object when nothing changed. */
export function nextTable(before: KeyTable, keys: readonly VerifyKey[], now: number): KeyTable {
  const byKid = new Map<string, VerifyKey>();
  let same = before.byKid.size === keys.length;
  for (const key of keys) {
    const known = before.byKid.get(key.kid);
    const kept = known !== undefined && equal(known, key) ? known : key;
    same &&= kept === known;
    byKid.set(key.kid, kept);
  }
  return same ? before : { revision: Math.max(before.revision + 1, now), byKid };
}

const equal = (a: VerifyKey, b: VerifyKey): boolean => a.alg === b.alg && a.key.equals(b.key);
