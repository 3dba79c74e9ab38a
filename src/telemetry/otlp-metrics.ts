// From our tables to OTLP: a producer that turns plain numbers into the SDK's data points when the reader
// asks. Imported only when an endpoint is configured; the SDK brings the timer, the batching, the protobuf
// and the retries. Sums and histograms are cumulative since the start of the process.

import { type Attributes, type HrTime, ValueType } from "@opentelemetry/api";
import type { Resource } from "@opentelemetry/resources";
import type { MetricData, MetricProducer } from "@opentelemetry/sdk-metrics";
import { watchExports } from "./export-watch.ts";
import type { LiveMeter, Observation } from "./meter.ts";
import { exportedName, type Metric, METRICS, type MetricName } from "./names.ts";
import type { OtlpOptions } from "./telemetry.ts";

type Sdk = typeof import("@opentelemetry/sdk-metrics");

export async function exportMetrics(
  meter: LiveMeter,
  resource: Resource,
  otlp: OtlpOptions,
  onResult: (delivered: boolean, reason?: unknown) => void,
): Promise<{ stop(): Promise<void> }> {
  const [{ OTLPMetricExporter }, sdk] = await Promise.all([
    import("@opentelemetry/exporter-metrics-otlp-proto"),
    import("@opentelemetry/sdk-metrics"),
  ]);
  const exporter = new OTLPMetricExporter({
    url: `${otlp.endpoint.replace(/\/$/, "")}/v1/metrics`,
    headers: { ...otlp.headers },
    timeoutMillis: 5_000,
  });
  watchExports(exporter, onResult);
  const reader = new sdk.PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: otlp.intervalMs,
    // Never above the interval, which the SDK insists on.
    exportTimeoutMillis: Math.min(5_000, otlp.intervalMs),
    metricProducers: [producer(sdk, meter, resource)],
  });
  const provider = new sdk.MeterProvider({ resource, readers: [reader] });
  return { stop: () => provider.shutdown() };
}

function producer(sdk: Sdk, meter: LiveMeter, resource: Resource): MetricProducer {
  const startTime = hrTime();
  return {
    collect: () => {
      const times = { startTime, endTime: hrTime() };
      const errors: unknown[] = [];
      const metrics = [
        ...histograms(sdk, meter, times),
        ...counters(sdk, meter, times),
        ...observed(sdk, meter, times, errors),
      ];
      const scopeMetrics = [{ scope: { name: "catalyst" }, metrics }];
      return Promise.resolve({ resourceMetrics: { resource, scopeMetrics }, errors });
    },
  };
}

interface Times {
  readonly startTime: HrTime;
  readonly endTime: HrTime;
}

function hrTime(): HrTime {
  const now = Date.now();
  return [Math.floor(now / 1_000), (now % 1_000) * 1e6];
}

const descriptor = (name: MetricName, { text, unit }: Metric): MetricData["descriptor"] => ({
  name: exportedName(name),
  description: text,
  unit,
  valueType: ValueType.DOUBLE,
});

function attributes(labels: readonly string[], values: readonly string[]): Attributes {
  const pairs = labels.map((label, index) => [label, values[index] ?? ""] as const);
  return Object.fromEntries(pairs.filter(([, value]) => value !== ""));
}

function* histograms(sdk: Sdk, meter: LiveMeter, times: Times): Generator<MetricData> {
  for (const [name, family] of meter.histograms) {
    const { labels, buckets } = METRICS[name];
    yield {
      descriptor: descriptor(name, METRICS[name]),
      aggregationTemporality: sdk.AggregationTemporality.CUMULATIVE,
      dataPointType: sdk.DataPointType.HISTOGRAM,
      dataPoints: [...family.entries()].map(([first, second, { sum, count, min, max, counts }]) => ({
        ...times,
        attributes: attributes(labels, [first, second]),
        value: { sum, count, min, max, buckets: { boundaries: [...buckets], counts: [...counts] } },
      })),
    };
  }
}

type Point = readonly [value: number, attributes: Attributes];

function* counters(sdk: Sdk, meter: LiveMeter, times: Times): Generator<MetricData> {
  for (const [name, family] of meter.counters) {
    const { labels } = METRICS[name];
    const points = [...family.entries()].map(([first, second, { value }]): Point => [
      value,
      attributes(labels, [first, second]),
    ]);
    yield numbers(sdk, name, points, times);
  }
}

function* observed(sdk: Sdk, meter: LiveMeter, times: Times, errors: unknown[]): Generator<MetricData> {
  for (const [name, reads] of meter.observed) {
    const { labels } = METRICS[name];
    const observations = reads.flatMap((read): readonly Observation[] => {
      try {
        return read();
      } catch (error) {
        // One broken reading must not cost the others theirs; the SDK reports it.
        errors.push(error);
        return [];
      }
    });
    const points = observations.map(([value, ...values]): Point => [value, attributes(labels, values)]);
    yield numbers(sdk, name, points, times);
  }
}

function numbers(sdk: Sdk, name: MetricName, points: readonly Point[], times: Times): MetricData {
  const dataPoints = points.map(([value, each]) => ({ ...times, attributes: each, value }));
  const shared = {
    descriptor: descriptor(name, METRICS[name]),
    aggregationTemporality: sdk.AggregationTemporality.CUMULATIVE,
    dataPoints,
  };
  return METRICS[name].kind === "counter"
    ? { ...shared, dataPointType: sdk.DataPointType.SUM, isMonotonic: true }
    : { ...shared, dataPointType: sdk.DataPointType.GAUGE };
}
