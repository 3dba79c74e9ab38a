// What two first words agree on, the same on both sides because it is computed from the same two values: highest common version,
// first common encoding, the shorter of both holds. Roles must mirror each other (RFC 9234 section 4.2), or routes would leak.

import type { Millis } from "#kernel";
import { rolesAgree } from "../roles.ts";
import type { PeerIntent, PeerLimits } from "../route.ts";
import type { Encoding, JsonValue, Notice, Open } from "./message.ts";
import { notice } from "./notice.ts";
import { TIMERS } from "./timers.ts";

/** What holds for one session. */
export interface Agreed {
  readonly version: number;
  readonly encoding: Encoding;
  readonly holdMs: Millis;
  readonly sendHoldMs: Millis;
  readonly keepaliveMs: Millis;
  /** Capabilities that both sides named; the value is the other side's. */
  readonly capabilities: Readonly<Record<string, JsonValue>>;
  /** What the other side takes of us. */
  readonly limits: PeerLimits;
}

export type Negotiated =
  | { readonly ok: true; readonly agreed: Agreed }
  | { readonly ok: false; readonly notice: Notice };

/** In the order of preference; both ends go through this list, not through the other's. */
const ENCODINGS: readonly Encoding[] = ["zstd", "deflate", "identity"];

export function negotiate(mine: Open, theirs: Open, intent: PeerIntent): Negotiated {
  const wrong = misfit(mine, theirs, intent);
  if (wrong !== undefined) return { ok: false, notice: wrong };
  const version = Math.min(mine.versions[1], theirs.versions[1]);
  if (version < Math.max(mine.versions[0], theirs.versions[0])) {
    const text = `versions ${theirs.versions.join("-")} and ${mine.versions.join("-")} have none in common`;
    return { ok: false, notice: notice("version", text) };
  }
  const encoding = ENCODINGS.find((one) => mine.encodings.includes(one) && theirs.encodings.includes(one));
  if (encoding === undefined) return { ok: false, notice: notice("version", "no encoding in common") };
  const holdMs = clamp(Math.min(mine.holdMs, theirs.holdMs));
  const sendHoldMs = Math.max(clamp(Math.min(mine.sendHoldMs, theirs.sendHoldMs)), holdMs);
  const capabilities = Object.fromEntries(
    Object.entries(theirs.capabilities).filter(([name]) => Object.hasOwn(mine.capabilities, name)),
  );
  const keepaliveMs = Math.floor(holdMs / 3);
  const agreed = { version, encoding, holdMs, sendHoldMs, keepaliveMs, capabilities, limits: theirs.limits };
  return { ok: true, agreed };
}

function misfit(mine: Open, theirs: Open, intent: PeerIntent): Notice | undefined {
  if (theirs.node !== intent.node) {
    return notice("badPeer", `expected ${intent.node}, not ${theirs.node}`);
  }
  if (theirs.organization !== intent.organization) {
    return notice("badPeer", `expected organization ${intent.organization}, not ${theirs.organization}`);
  }
  if (rolesAgree(mine.role, theirs.role)) return undefined;
  return notice("roles", `${mine.node} sees a ${mine.role}, ${theirs.node} sees a ${theirs.role}`);
}

const clamp = (ms: Millis): Millis => Math.min(Math.max(ms, TIMERS.holdMinMs), TIMERS.holdMaxMs);
