// How long a session waits for what. Every waiting state has one of these as its watchdog: a session without one hung for ever.
// Follows docs/internals/session.md section 3. A peering may negotiate hold and send-hold, both sides then use the minimum.

export const TIMERS = {
  /** A third of hold. FRR in data centres 3/9. */
  holdMs: 9_000,
  externalHoldMs: 30_000,
  /** Below it a busy peer would look dead. */
  holdMinMs: 1_000,
  holdMaxMs: 300_000,
  /** Twice hold without progress of acknowledgements: a stopped receiver never errors by itself (RFC 9687). */
  sendHoldFactor: 2,
  connectMs: 10_000,
  openMs: 10_000,
  /** Without a frame or an acknowledgement while syncing. */
  syncMs: 30_000,
  /** A node that starts waits this long for its peers' end marks; less than `syncMs`, or they would give it up. */
  startMs: 25_000,
  /** A peer that starts too and told nothing for this long waits for others as well. */
  startQuietMs: 1_000,
  /** Last words get at most this long. */
  closeMs: 1_000,
  retryFirstMs: 1_000,
  retryCapMs: 60_000,
  /** A session that held this long was no failure. */
  retryResetMs: 60_000,
  /** After the loss of a synced session: at most `lossCapMs` apart, for `lossSpanMs`. */
  lossCapMs: 3_000,
  lossSpanMs: 300_000,
  /** Refusals for want of proof before only an operator can help. */
  authTries: 3,
  /** Sequence numbers and clocks, apart from plain liveness: a lost last frame shows here. */
  progressMs: 10_000,
  /** Comparison of sums, +-20 %. */
  digestMs: 30_000,
  digestSpread: 0.2,
  restartMs: 120_000,
  longStaleInternalMs: 86_400_000,
  longStaleExternalMs: 3_600_000,
} as const;
