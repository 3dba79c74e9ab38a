// The life of a signing key as a pure function of the time: prepared -> published (verifies, announced) -> active (the one
// that signs) -> retiring (verifies the tokens it signed) -> removed. Follows docs/internals/identity.md section 5.
// Invariants: exactly one key is active once there is any; a key signs only after it was announced, except the very first,
// an ordered `rotate --now`, and the successor of a revoked key; a private part exists only before retiring. A wall clock
// that was wrong and came back never holds a step off for longer than the step's own time.

import type { Jwk, KeyState } from "#rpc";
import type { SigningAlg } from "../algorithms.ts";
import {
  JWKS_MAX_AGE_S,
  JWKS_REFRESH_MAX_MS,
  REMOVED_KEYS_LISTED,
  SKEW_S,
  TOKEN_LIFE_MAX_S,
} from "../limits.ts";

/** One signing key as it stands on disk. Times are milliseconds since the epoch. */
export interface KeyEntry {
  readonly kid: string;
  readonly alg: SigningAlg;
  readonly state: KeyState;
  readonly createdAt: number;
  /** While published: when it starts to sign. */
  readonly activateAt?: number;
  readonly activeAt?: number;
  /** While retiring: when it stops verifying. While removed: when it did. */
  readonly removeAt?: number;
  readonly jwk: Jwk;
  /** PKCS#8, PEM. Erased when the key stops signing. */
  readonly privateKey?: string;
}

export interface KeyTimes {
  /** From announcement to first use: five refresh hints of our key set. */
  readonly publishMs: number;
  /** From last use to removal: the longest token, the skew and the oldest cached key set, doubled. */
  readonly retireMs: number;
  /** How long one key signs. */
  readonly rotateMs: number;
}

export const KEY_TIMES: KeyTimes = {
  publishMs: 5 * JWKS_MAX_AGE_S * 1_000,
  retireMs: 2 * ((TOKEN_LIFE_MAX_S + SKEW_S) * 1_000 + JWKS_REFRESH_MAX_MS),
  rotateMs: 30 * 24 * 3_600_000,
};

const VERIFIES: ReadonlySet<KeyState> = new Set(["published", "active", "retiring"]);
export const verifies = (entry: KeyEntry): boolean => VERIFIES.has(entry.state);

export const inState = (entries: readonly KeyEntry[], state: KeyState): KeyEntry | undefined =>
  entries.find((entry) => entry.state === state);

/** The entries as they have to be at `now`; the same array when nothing is due. */
export function due(entries: readonly KeyEntry[], now: number, times: KeyTimes): readonly KeyEntry[] {
  let next = changed(entries, (entry) => clamp(entry, now, times));
  next = changed(next, (entry) =>
    entry.state === "retiring" && (entry.removeAt ?? 0) <= now ? removed(entry, now) : entry,
  );
  const ready = inState(next, "published");
  if (ready !== undefined && (ready.activateAt ?? 0) <= now) next = activate(next, ready.kid, now, times);
  const active = inState(next, "active");
  if (active === undefined) {
    // The first start, or the active key was revoked: the best there is signs at once.
    const successor = inState(next, "published") ?? inState(next, "prepared");
    return successor === undefined ? next : activate(next, successor.kid, now, times);
  }
  const ends = (active.activeAt ?? now) + times.rotateMs;
  if (now >= ends - times.publishMs && inState(next, "published") === undefined) {
    const prepared = inState(next, "prepared");
    if (prepared !== undefined) next = publish(next, prepared.kid, Math.max(ends, now + times.publishMs));
  }
  return next;
}

/** When `due` will next have something to do. */
export function nextDue(entries: readonly KeyEntry[], times: KeyTimes): number {
  let at = Number.POSITIVE_INFINITY;
  const announced = inState(entries, "published");
  for (const entry of entries) {
    if (entry.state === "retiring") at = Math.min(at, entry.removeAt ?? 0);
    if (entry.state === "published") at = Math.min(at, entry.activateAt ?? 0);
    if (entry.state === "active" && announced === undefined) {
      at = Math.min(at, (entry.activeAt ?? 0) + times.rotateMs - times.publishMs);
    }
  }
  return at;
}

/** Announces a key: it verifies from now on and signs from `activateAt` on. */
export function publish(entries: readonly KeyEntry[], kid: string, activateAt: number): readonly KeyEntry[] {
  return changed(entries, (entry) =>
    entry.kid === kid ? { ...entry, state: "published", activateAt } : entry,
  );
}

/** Lets a key sign from now on; the one that did so far goes on verifying for the overlap. */
export function activate(
  entries: readonly KeyEntry[],
  kid: string,
  now: number,
  times: KeyTimes,
): readonly KeyEntry[] {
  return changed(entries, (entry) => {
    if (entry.kid === kid) {
      const { activateAt: _, ...rest } = entry;
      return { ...rest, state: "active", activeAt: now };
    }
    if (entry.state !== "active") return entry;
    const { privateKey: _, ...rest } = entry;
    return { ...rest, state: "retiring", removeAt: now + times.retireMs };
  });
}

/** Takes a key out at once. */
export function revoke(entries: readonly KeyEntry[], kid: string, now: number): readonly KeyEntry[] {
  return changed(entries, (entry) => (entry.kid === kid ? removed(entry, now) : entry));
}

/** Forgets all but the newest removed keys. */
export function forgetOld(entries: readonly KeyEntry[]): readonly KeyEntry[] {
  const old = entries
    .filter((entry) => entry.state === "removed")
    .toSorted((a, b) => (b.removeAt ?? 0) - (a.removeAt ?? 0))
    .slice(REMOVED_KEYS_LISTED);
  return old.length === 0 ? entries : entries.filter((entry) => !old.includes(entry));
}

function removed(entry: KeyEntry, now: number): KeyEntry {
  const { privateKey: _, activateAt: __, ...rest } = entry;
  return { ...rest, state: "removed", removeAt: now };
}

/** A time that lies further ahead than its step can last was written by a clock that was wrong. */
function clamp(entry: KeyEntry, now: number, times: KeyTimes): KeyEntry {
  const { activateAt, activeAt, removeAt } = entry;
  if (entry.state === "published" && activateAt !== undefined) {
    // An automatic announcement is made exactly `publishMs` ahead, an ordered one as well.
    const latest = now + times.publishMs;
    if (activateAt > latest) return { ...entry, activateAt: latest };
  }
  if (entry.state === "active" && activeAt !== undefined && activeAt > now) {
    return { ...entry, activeAt: now };
  }
  if (entry.state === "retiring" && removeAt !== undefined && removeAt > now + times.retireMs) {
    return { ...entry, removeAt: now + times.retireMs };
  }
  return entry;
}

/** Like `map`, but the same array comes back when no entry changed. */
function changed(entries: readonly KeyEntry[], step: (entry: KeyEntry) => KeyEntry): readonly KeyEntry[] {
  const next = entries.map(step);
  return next.some((entry, index) => entry !== entries[index]) ? next : entries;
}
