// Before a session ends because somebody here wants it to, its peer is told everything once more, as what is about to end (RFC 8326), so that
// it uses other ways while this one still works: make before break. Takes as long as the peers need to hear it, and those behind
// them to follow; a peer that does not answer costs a bounded time. Follows docs/internals/session.md section 9.

import type { Clock, Millis } from "#kernel";
import type { NodeName, Speaker } from "#routing";
import type { Exports } from "./exports.ts";

export interface Leaving {
  readonly clock: Pick<Clock, "monotonic" | "after">;
  readonly exports: Pick<Exports, "leave">;
  readonly speaker: Pick<Speaker, "report" | "filling">;
  /** Peers are under other policies now, and are told what that changes. */
  readonly tell: () => void;
}

/** In all; the last words that follow have their own time, and a whole stop takes less than five seconds. */
const MOST_MS = 700;
/** Of it, from when all peers have heard: for nodes behind them, and for their Envoys. */
const SETTLE_MS = 250;
const LOOK_MS = 20;

export async function leave(
  nodes: readonly NodeName[],
  { clock, exports, speaker, tell }: Leaving,
): Promise<void> {
  const isUp = (node: NodeName): boolean => speaker.report(node)?.session.phase.state === "established";
  const up = nodes.filter(isUp);
  if (up.length === 0) return;
  const until = clock.monotonic() + MOST_MS;
  const pause = (ms: Millis): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));
  const waits = (node: NodeName): boolean => {
    const { behind = 0, inFlight = 0 } = speaker.report(node) ?? {};
    return isUp(node) && (behind > 0 || inFlight > 0);
  };
  exports.leave(up);
  tell();
  while (clock.monotonic() < until && (speaker.filling || up.some(waits))) await pause(LOOK_MS);
  await pause(Math.max(0, Math.min(SETTLE_MS, until - clock.monotonic())));
}
