// The node's own loop (its state, its built-in plugins) with effects only kept, for tests that say events and
// look at what came of them: `step` takes events as one commit, `state` shows what a person would check,
// `wants` the effects in force.

import { type Batch, type Event as KernelEvent, type Input, Loop, type LoopOptions } from "#kernel";
import { type Event, type NodeTypes, type Service, type ServiceIntent, State } from "#routing";
import { builtInPlugins } from "../../src/orchestrator/plugins/index.ts";
import { virtualPorts } from "./virtual-clock.ts";

export const NODE = "edge1.acme.catalyst.internal";
export const full = (name: string): string => `${name}.acme.catalyst.internal`;

export function nodeLoop(options: Partial<LoopOptions<NodeTypes>> = {}) {
  const loop = new Loop<NodeTypes>({
    store: new State(NODE),
    plugins: builtInPlugins(),
    ports: virtualPorts(),
    schedule: setImmediate,
    effects: false,
    ...options,
  });
  /** Time of events that say none; grows, so that their order shows. */
  let at = 1_000;
  const step = (...events: readonly Input<Event>[]): Batch<NodeTypes> => {
    const timed = events.map((event): KernelEvent => ({ ...event, at: event.at ?? (at += 1) }));
    return loop.step(timed as Event[]);
  };
  /** Why one event was refused; undefined when it was not. */
  const refusal = (event: Input<Event>) => step(event).outcomes[0]?.outcome.refused;
  const service = (name: string): Service | undefined => loop.view.services.get(full(name));
  const wants = (kind: string): Record<string, unknown> =>
    Object.fromEntries(
      [...loop.effects.desired()].flatMap((e) => (e.kind === kind ? [[e.key, e.want]] : [])),
    );
  /** Brings all endpoints up. */
  const up = (name: string): void => {
    for (const { url } of service(name)?.endpoints ?? []) step(probed(name, url, true));
  };
  return { loop, step, refusal, service, wants, up };
}

export const probed = (name: string, endpoint: string, ok: boolean, reason?: string): Input<Event> => ({
  kind: "probe.result",
  service: full(name),
  endpoint,
  ok,
  ...(reason === undefined ? {} : { reason }),
});

export const PROBE: ServiceIntent["probe"] = {
  kind: "tcp",
  intervalMs: 2_000,
  timeoutMs: 1_000,
  up: 1,
  down: 3,
};

/** An intent with everything a test does not care for. */
export function intent(name: string, rest: Partial<ServiceIntent> = {}): ServiceIntent {
  return {
    name,
    protocol: "http",
    owner: { kind: "admin" },
    endpoints: ["http://127.0.0.1:5001"],
    probe: PROBE,
    timeoutMs: 5_000,
    export: false,
    ...rest,
  };
}

export const inFile = (line: number): ServiceIntent["owner"] => ({
  kind: "config",
  file: "catalyst.json",
  line,
});
