// From our tables to OTLP: a producer that turns plain numbers into the SDK's data points when the reader
// asks. Imported only when an endpoint is configured; the SDK brings the timer, the batching, the protobuf
// and the retries. Sums and histograms are cumulative since the start of the process.

import { ValueType, type Attributes, type HrTime } from "@opentelemetry/api";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import type { Resource } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  DataPointType,
  MeterProvider,
  type MetricData,
  type MetricProducer,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { watchExports } from "./export-watch.ts";
import type { LiveMeter, Observation } from "./meter.ts";
import { exportedName, type Metric, METRICS, type MetricName } from "./names.ts";
import type { OtlpOptions } from "./telemetry.ts";

export function exportMetrics(
  meter: LiveMeter,
  resource: Resource,
  otlp: OtlpOptions,
  onResult: (delivered: boolean, reason?: unknown) => void,
): { stop(): Promise<void> } {
  const exporter = new OTLPMetricExporter({
    url: `${otlp.endpoint.replace(/\/$/, "")}/v1/metrics`,
    headers: { ...otlp.headers },
    timeoutMillis: 10_000,
  });
  watchExports(exporter, onResult);
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: otlp.intervalMs,
    // Never above the interval, which the SDK insists on.
    exportTimeoutMillis: Math.min(10_000, otlp.intervalMs),
    metricProducers: [producer(meter, resource)],
  });
  const provider = new MeterProvider({ resource, readers: [reader] });
  return { stop: () => provider.shutdown() };
}

function producer(meter: LiveMeter, resource: Resource): MetricProducer {
  const startTime = hrTime();
  return {
    collect: () => {
      const times = { startTime, endTime: hrTime() };
      const errors: unknown[] = [];
      const metrics = [
        ...histograms(meter, times),
        ...counters(meter, times),
        ...observed(meter, times, errors),
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

function* histograms(meter: LiveMeter, times: Times): Generator<MetricData> {
  for (const [name, family] of meter.histograms) {
    const { labels, buckets } = METRICS[name];
    yield {
      descriptor: descriptor(name, METRICS[name]),
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
      dataPointType: DataPointType.HISTOGRAM,
      dataPoints: [...family.entries()].map(([first, second, { sum, count, min, max, counts }]) => ({
        ...times,
        attributes: attributes(labels, [first, second]),
        value: { sum, count, min, max, buckets: { boundaries: [...buckets], counts: [...counts] } },
      })),
    };
  }
}

type Point = readonly [value: number, attributes: Attributes];

function* counters(meter: LiveMeter, times: Times): Generator<MetricData> {
  for (const [name, family] of meter.counters) {
    const { labels } = METRICS[name];
    const points = [...family.entries()].map(([first, second, { value }]): Point => [
      value,
      attributes(labels, [first, second]),
    ]);
    yield numbers(name, points, times);
  }
}

function* observed(meter: LiveMeter, times: Times, errors: unknown[]): Generator<MetricData> {
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
    yield numbers(name, points, times);
  }
}

function numbers(name: MetricName, points: readonly Point[], times: Times): MetricData {
  const dataPoints = points.map(([value, each]) => ({ ...times, attributes: each, value }));
  const shared = {
    descriptor: descriptor(name, METRICS[name]),
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPoints,
  };
  return METRICS[name].kind === "counter"
    ? { ...shared, dataPointType: DataPointType.SUM, isMonotonic: true }
    : { ...shared, dataPointType: DataPointType.GAUGE };
}
