// The reasons for which a session ends, with what the one that hears them does next. Follows RFC 4271 section 6 in kind and
// docs/internals/session.md section 3 in numbers. A code that is not known (from a newer version) is retried with backoff.

import type { Millis } from "#kernel";
import type { Notice } from "./message.ts";

/**
 * now: the fault is gone with the session · backoff: try later · slow: later, at the longest pause · after: at the time given ·
 * operator: only a person can help · yield: another connection took its place.
 */
export type Retry = "now" | "backoff" | "slow" | "after" | "operator" | "yield";

export const NOTICES = {
  version: { code: 1, retry: "operator" },
  badPeer: { code: 2, retry: "operator" },
  roles: { code: 3, retry: "operator" },
  auth: { code: 4, retry: "backoff" },
  hold: { code: 5, retry: "backoff" },
  sendHold: { code: 6, retry: "backoff" },
  sequence: { code: 7, retry: "now" },
  malformed: { code: 8, retry: "backoff" },
  maxRoutes: { code: 9, retry: "operator" },
  rate: { code: 10, retry: "backoff" },
  shutdown: { code: 11, retry: "slow" },
  draining: { code: 12, retry: "after" },
  superseded: { code: 13, retry: "yield" },
  changed: { code: 14, retry: "now" },
  internal: { code: 15, retry: "backoff" },
  /** One side asks for proof, the other has none to give (`identity.mode: none`). Seen before a word can be said. */
  unproven: { code: 16, retry: "operator" },
} as const satisfies Readonly<Record<string, { readonly code: number; readonly retry: Retry }>>;

export type NoticeName = keyof typeof NOTICES;

const BY_CODE = new Map<number, { readonly name: NoticeName; readonly retry: Retry }>(
  (Object.keys(NOTICES) as NoticeName[]).map((name) => [
    NOTICES[name].code,
    { name, retry: NOTICES[name].retry },
  ]),
);

export const noticeName = (code: number): NoticeName | undefined => BY_CODE.get(code)?.name;

export const retryOf = (code: number): Retry => BY_CODE.get(code)?.retry ?? "backoff";

/** The wire takes 256 bytes of text; a character takes at most three per unit. */
const TEXT_UNITS = 85;

export function notice(
  name: NoticeName,
  text: string,
  more: { readonly sub?: number; readonly afterMs?: Millis; readonly restartMs?: Millis } = {},
): Notice {
  return { code: NOTICES[name].code, text: clip(text), ...more };
}

/** ASCII may use all 256 bytes; other text is cut where it is sure to fit. */
function clip(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text.slice(0, 256);
  return text.slice(0, TEXT_UNITS).toWellFormed();
}
