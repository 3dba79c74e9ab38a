// Every hard bound of the node that a remote party, a plugin or a burst could otherwise push without end
// (docs/internals/conventions.md). A configurable bound may only be lower. Each has its reason beside it; a change
// needs a better one.

export const LIMITS = {
  /** Events of one commit. Larger commits gain nothing measurable and delay the first reaction. */
  commitEvents: 512,
  /**
   * Milliseconds one commit may collect: a keepalive or a query in the same process waits at most this long.
   */
  commitMs: 5,
  /**
   * Events waiting for the loop: a quarter of a second of work at 250,000 events/s. Producers beyond it are
   * refused.
   */
  queueDepth: 65_536,
  /**
   * Places above `queueDepth` kept for what runners observed, so that a flood from outside cannot blind the
   * node.
   */
  queueReserve: 16_384,
  /** Commits kept for cursors (watchers, propagation); who falls behind reads the whole state again. */
  historyCommits: 4_096,
  /** Changes kept over all these commits: bounds the ring to some 20 MB, whatever the size of one commit. */
  historyChanges: 16_384,
  /** Failures in a row after which a plugin from outside is disabled. */
  pluginFailures: 5,
  /** Deltas or effects one plugin may push for one event or commit: stops a plugin that loops without end. */
  pluginOutput: 1_000_000,
  /** First pause before an effect is tried again; doubles up to the cap, with full jitter. */
  effectBackoffMs: 100,
  /** Longest pause: a part that is away for long is found again within this time. */
  effectBackoffCapMs: 30_000,
  /** Time one run of an effect may take, unless its runner says otherwise. */
  effectDeadlineMs: 10_000,
  /**
   * Keys of one kind running at once, unless the runner says otherwise: sockets, not CPU, are what runs out.
   */
  effectConcurrency: 64,
  /** Batches between two state hashes in a record: a divergence is found within this many. */
  recordHashEvery: 256,
  /** Characters of one line of a record: the largest configuration event is a few MB. */
  recordLine: 64 * 1024 * 1024,
  /** Services of one node. Memory: about 1 kB each in the state, and as much in what follows from it. */
  services: 200_000,
  /** Endpoints of one service; as in the configuration's schema. */
  endpoints: 64,
  /** Longest time a registration may hold without renewal, one day: a lost one must end by itself. */
  leaseMs: 86_400_000,
} as const;

export type LimitName = keyof typeof LIMITS;
