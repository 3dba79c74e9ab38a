// Why one route was dropped alone while its frame, its session and every other route go on (RFC 7606, treat-as-withdraw: what the
// peer had told of that name before is gone too). Kept for `route list --rejected`, a bounded number a peer.

import type { Millis } from "#kernel";
import type { ServiceName } from "./service.ts";

export type RejectReason =
  /** A field is missing or has the wrong form. */
  | "malformed"
  /** Over the budget of one route. */
  | "too-large"
  | "unknown-protocol"
  /** A field that this version does not know and must not ignore. */
  | "critical-field"
  /** This node or organization stands in the path already. */
  | "loop"
  /** The path does not begin with who told it. */
  | "not-first"
  /** The name is outside the domain of the origin, or the paths say another origin. */
  | "origin-forged"
  | "next-hop"
  | "path-length"
  /** Its lease is over. */
  | "expired"
  /** Its lease ends later than any may. */
  | "lease"
  /** The origin took it back. */
  | "buried";

export interface RouteProblem {
  readonly reason: RejectReason;
  /** Lower case, no full stop; names the field or the place. */
  readonly text: string;
}

export interface Rejection extends RouteProblem {
  /** As far as it could be read. */
  readonly key: ServiceName;
  readonly at: Millis;
}

/** The last ones a peer; enough to see a pattern, a few kilobytes. */
export const REJECTIONS_MAX = 128;

/** The newest `REJECTIONS_MAX`. */
export function withRejections(
  known: readonly Rejection[],
  more: readonly Rejection[],
): readonly Rejection[] {
  return more.length === 0 ? known : [...known, ...more].slice(-REJECTIONS_MAX);
}
