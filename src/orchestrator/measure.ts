// Telemetry of a part as the configuration asks for it, and what the orchestrator measures: read from what it counts anyway, at each
// export, so that nothing is paid in between.

import { readSecret } from "#config";
import type { Log, Loop } from "#kernel";
import type { EnvoyStatus, PartName, PartStatus } from "#rpc";
import type { NodeTypes } from "#routing";
import { type Meter, type Observation, startTelemetry, type Telemetry } from "#telemetry";
import type { Boot } from "./boot.ts";

export async function openTelemetry(boot: Boot, part: PartName | "node", log: Log): Promise<Telemetry> {
  const { otlp, sampling } = boot.config.telemetry;
  const { endpoint, interval, headers = {} } = otlp;
  const named = Object.entries(headers).map(([name, secret]) => [name, readSecret(secret)] as const);
  return await startTelemetry({
    part,
    node: boot.names.node,
    version: boot.version,
    sampling,
    log: withChildren(log),
    ...(endpoint === undefined
      ? {}
      : { otlp: { endpoint, headers: Object.fromEntries(named), intervalMs: interval } }),
  });
}

type TelemetryLog = Parameters<typeof startTelemetry>[0]["log"];

/** The kernel's log as telemetry wants it; a child only adds fields to each line. */
function withChildren(log: Log, more: object = {}): TelemetryLog {
  const say =
    (level: keyof Log) =>
    (fields: object, text: string): void =>
      log[level]({ ...more, ...fields }, text);
  return {
    debug: say("debug"),
    info: say("info"),
    warn: say("warn"),
    error: say("error"),
    child: (fields) => withChildren(log, { ...more, ...fields }),
  };
}

export interface Measured {
  readonly loop: Loop<NodeTypes>;
  readonly parts: () => readonly PartStatus[];
  readonly envoy: () => EnvoyStatus;
}

export function measureOrchestrator(meter: Meter, { loop, parts, envoy }: Measured): void {
  const status = () => loop.status();
  let commits = 0;
  const events = meter.counter("pipeline.events");
  loop.watch(({ commit, events: taken }) => {
    for (const { kind } of taken) events.at(kind).add();
    if (commit !== undefined) commits += 1;
  });
  meter.observe("state.commit", () => [[commits]]);
  meter.observe("state.generation", () => [[loop.revision]]);
  meter.observe("pipeline.queue.depth", () => [[status().depth]]);
  meter.observe("pipeline.plugin.failures", () =>
    status().plugins.map(({ name, failures }) => [failures, name] as const),
  );
  meter.observe("pipeline.effects.pending", () => [[status().effects.pending]]);
  meter.observe("pipeline.effects.failing", () => [[status().effects.failing.length]]);
  meter.observe("service.up", () => byHealth(loop));
  meter.observe("service.quarantined", () => [[quarantined(loop)]]);
  meter.observe("service.restarts", () => parts().map(({ name, restarts }) => [restarts, name] as const));
  meter.observe("xds.stream.connected", () => [[envoy().connected ? 1 : 0]]);
  meter.observe("xds.resources", () =>
    envoy().types.map(({ type, resources }) => [resources, type] as const),
  );
  meter.observe("xds.nacks", () => envoy().types.map(({ type, nacks }) => [nacks, type] as const));
  meter.observe("xds.pending", () =>
    envoy().types.map(({ type, resources, acknowledged }) => [resources - acknowledged, type] as const),
  );
}

function byHealth(loop: Loop<NodeTypes>): Observation[] {
  const counts = { up: 0, down: 0, unknown: 0 };
  for (const { health } of loop.view.services.values()) counts[health] += 1;
  return Object.entries(counts).map(([health, count]) => [count, health] as const);
}

function quarantined(loop: Loop<NodeTypes>): number {
  let count = 0;
  for (const { quarantine = [] } of loop.view.services.values()) if (quarantine.length > 0) count += 1;
  return count;
}
