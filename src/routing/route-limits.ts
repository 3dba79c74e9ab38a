// How much one peer may tell: routes, bytes and rate. At 80 % the operator is warned, beyond the limit that session alone is
// closed, with a code that says so and waits for the operator (9) or backs off (10). A single route that is too long a way is
// dropped alone (origin.ts): its length is seldom the fault of who passes it on. Follows docs/internals/decision.md section 1.

import type { Millis } from "#kernel";
import type { PeerLimits } from "./route.ts";

export type LimitedBy = "routes" | "bytes" | "rate";

export interface LimitState {
  readonly state: "near" | "over";
  readonly by: LimitedBy;
  readonly used: number;
  readonly limit: number;
  /** Code of the notification that closes the session; absent when it is only near. */
  readonly code?: 9 | 10;
  readonly text: string;
}

/** Part of a limit from which it is shown as near. */
const NEAR = 0.8;
/** Seconds over which the rate is averaged; a burst of as many seconds' routes is allowed. */
const RATE_SECONDS = 10;

/** Routes told lately: a bucket that leaks `rate` a second. Plain data, replaced. */
export interface RateMeter {
  readonly level: number;
  readonly at: Millis;
}

export const EMPTY_METER: RateMeter = { level: 0, at: 0 };

/** The meter after `routes` more. A clock that jumped back lets nothing leak. */
export function metered(meter: RateMeter, routes: number, at: Millis, limits: PeerLimits): RateMeter {
  const leaked = (Math.max(at - meter.at, 0) / 1_000) * limits.rate;
  return { level: Math.max(meter.level - leaked, 0) + routes, at: Math.max(at, meter.at) };
}

export const tooFast = (meter: RateMeter, limits: PeerLimits): boolean =>
  meter.level > limits.rate * RATE_SECONDS;

/** The worst of what is near or over; undefined when all is well. `held` is what the table has of the peer. */
export function limitState(
  held: { readonly size: number; readonly bytes: number },
  meter: RateMeter,
  limits: PeerLimits,
): LimitState | undefined {
  const all = [
    stateOf("routes", held.size, limits.routes, 9),
    stateOf("bytes", held.bytes, limits.bytes, 9),
    stateOf("rate", meter.level, limits.rate * RATE_SECONDS, 10),
  ];
  return all.find((one) => one?.state === "over") ?? all.find((one) => one !== undefined);
}

function stateOf(by: LimitedBy, used: number, limit: number, code: 9 | 10): LimitState | undefined {
  if (used <= limit * NEAR) return undefined;
  const what = by === "rate" ? `routes within ${RATE_SECONDS} s` : by;
  const text = `${Math.ceil(used)} of ${limit} ${what}`;
  return used > limit
    ? { state: "over", by, used, limit, code, text }
    : { state: "near", by, used, limit, text };
}
