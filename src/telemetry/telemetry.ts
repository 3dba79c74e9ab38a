// Telemetry of one part: instruments, tracing, and their export. Off (no endpoint) it is a pair of shared
// objects that do nothing, and no library of it is loaded. Failing to deliver never disturbs the part: it is
// counted and said once.

import { systemRandom } from "#rpc";
import type { Log } from "./log.ts";
import { LiveMeter, type Meter, NO_METER } from "./meter.ts";
import { measureProcess } from "./process-metrics.ts";
import { NO_TRACING, type Tracing } from "./tracing.ts";

export interface OtlpOptions {
  /** Base URL of the collector, "http://127.0.0.1:4318". */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly intervalMs: number;
}

export interface TelemetryOptions {
  readonly part: string;
  readonly node: string;
  readonly version: string;
  /** Absent = off. */
  readonly otlp?: OtlpOptions;
  /** Share of requests traced when the caller did not decide. */
  readonly sampling: number;
  readonly log: Log;
  readonly random?: { next(): number };
}

export interface Telemetry {
  readonly meter: Meter;
  readonly tracing: Tracing;
  /** Sends what is there, for `deadlineMs` (default 2 s) at most; never rejects. */
  stop(deadlineMs?: number): Promise<void>;
}

export const NO_TELEMETRY: Telemetry = {
  meter: NO_METER,
  tracing: NO_TRACING,
  stop: () => Promise.resolve(),
};

export async function startTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  const { otlp, part, node, version, sampling, random = systemRandom } = options;
  if (otlp === undefined) return NO_TELEMETRY;
  const [{ resourceFromAttributes }, { exportMetrics }, { exportTraces }] = await Promise.all([
    import("@opentelemetry/resources"),
    import("./otlp-metrics.ts"),
    import("./otlp-traces.ts"),
  ]);
  const resource = resourceFromAttributes({
    "service.name": "catalyst",
    "service.version": version,
    "service.instance.id": `${node}/${part}`,
    "catalyst.node": node,
    "catalyst.part": part,
  });
  const meter = new LiveMeter();
  const watch = lossWatch(meter, options);
  const metrics = await exportMetrics(meter, resource, otlp, watch("metrics"));
  const traces = await exportTraces(resource, { otlp, sampling, random }, watch("traces"));
  const stopProcess = measureProcess(meter);
  return {
    meter,
    tracing: traces.tracing,
    stop: async (deadlineMs = 2_000) => {
      await within(deadlineMs, Promise.allSettled([metrics.stop(), traces.stop()]));
      stopProcess();
    },
  };
}

type Watch = (signal: "metrics" | "traces") => (delivered: boolean, reason?: unknown) => void;

/** Counts what is lost, and says so when it begins and when it ends. */
function lossWatch(meter: Meter, { log, otlp }: TelemetryOptions): Watch {
  const dropped = meter.counter("telemetry.dropped");
  return (signal) => {
    let losing = false;
    return (delivered, reason) => {
      if (!delivered) dropped.at(signal).add();
      if (delivered === !losing) return;
      losing = !delivered;
      const fields = { signal, endpoint: otlp?.endpoint };
      if (losing) log.warn({ ...fields, error: reason }, "telemetry cannot be delivered");
      else log.info(fields, "telemetry is delivered again");
    };
  };
}

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
