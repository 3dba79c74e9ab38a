// The outside world for callers that do not bring their own: time, chance and a log that keeps silent. The
// composition root passes its own; the CLI and small programs take these.

import type { Clock, Log, Random } from "#kernel";

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

export const systemRandom: Random = { next: () => Math.random() };

const nothing = (): void => undefined;
export const silentLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
