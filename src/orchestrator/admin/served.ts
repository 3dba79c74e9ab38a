// Waits until a service is served: Envoy acknowledged its routes, or the gateway took it into the graph. Ends early when it
// cannot be: quarantined, down, or gone. Watches the loop, so it costs nothing between two commits.

import type { Clock, Loop } from "#kernel";
import type { NodeTypes, ServiceName } from "#routing";

const LANE = { "http:graphql": "graph" } as const;

type Finding = "served" | "refused" | "wait";

export async function untilServed(
  loop: Loop<NodeTypes>,
  clock: Clock,
  name: ServiceName,
  waitMs: number,
): Promise<boolean> {
  const kind = (protocol: string): "graph" | "envoy.service" =>
    protocol === "http:graphql" ? LANE[protocol] : "envoy.service";
  const look = (): Finding => {
    const service = loop.view.services.get(name);
    if (service === undefined || service.health === "down") return "refused";
    if ((service.quarantine?.length ?? 0) > 0) return "refused";
    const wanted = loop.effects.wanted(kind(service.protocol), name) !== undefined;
    return service.health === "up" && wanted ? "served" : "wait";
  };
  return await new Promise<boolean>((resolve) => {
    let over = false;
    const end = (served: boolean): void => {
      if (over) return;
      over = true;
      cancel();
      unwatch();
      resolve(served);
    };
    const step = (): void => {
      const found = look();
      if (found === "refused") end(false);
      const service = loop.view.services.get(name);
      if (found !== "served" || service === undefined) return;
      unwatch();
      void settle(kind(service.protocol));
    };
    const settle = async (lane: "graph" | "envoy.service"): Promise<void> => {
      const result = await loop.effects.settled(lane, name);
      // The verdict of the part is an event of its own; it is in the state when the queue is empty.
      await loop.idle();
      end(result.ok && look() === "served");
    };
    const cancel = clock.after(waitMs, () => end(false));
    // The watcher runs inside the turn, before its effects are started: look once the turn is over.
    const unwatch = loop.watch(() => queueMicrotask(step));
    step();
  });
}
