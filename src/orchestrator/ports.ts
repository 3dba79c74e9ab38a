// Time and randomness of the real machine, behind the kernel's ports; the only place of this room that touches them.

import type { Clock, Random } from "#kernel";

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

export const systemRandom: Random = { next: () => Math.random() };
