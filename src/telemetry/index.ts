// The only door of this room: logs, metrics and traces of a part. OpenTelemetry loads with the first
// `startTelemetry` that has an endpoint, pino with the first `createLog`'s import of this door.

export { createLog } from "./log.ts";
export type { Level, Log, LogOptions } from "./log.ts";
export { NO_METER } from "./meter.ts";
export type { Count, Duration, Meter, Observation, Series } from "./meter.ts";
export { METRICS } from "./names.ts";
export type { CounterName, GaugeName, HistogramName, MetricName } from "./names.ts";
export { authInstruments, gatewayInstruments } from "./room-instruments.ts";
export { NO_TELEMETRY, startTelemetry } from "./telemetry.ts";
export type { OtlpOptions, Telemetry, TelemetryOptions } from "./telemetry.ts";
export { NO_TRACING } from "./tracing.ts";
export type { Span, SpanAttributes, SpanKind, Tracing } from "./tracing.ts";
