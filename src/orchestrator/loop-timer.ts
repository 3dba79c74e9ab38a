// The second hand of the event loop: leases (and later routes) expire by it. Under a flood it waits for room in the queue, so that
// ticks never pile up.

import type { Clock, Log, Loop } from "#kernel";
import type { NodeTypes } from "#routing";

export const TICK_MS = 1_000;

export function tickEverySecond(
  loop: Loop<NodeTypes>,
  clock: Clock,
  log: Log,
  also: (now: number) => void,
): () => void {
  let cancel = (): void => {};
  let stopped = false;
  const tick = async (): Promise<void> => {
    await loop.space();
    if (stopped) return;
    loop.push({ kind: "tick" });
    also(clock.now());
  };
  const next = (): void => {
    if (stopped) return;
    cancel = clock.after(TICK_MS, () => {
      tick()
        .catch((error: unknown) => log.warn({ error: String(error) }, "a tick was lost"))
        .finally(next);
    });
  };
  next();
  return () => {
    stopped = true;
    cancel();
  };
}
