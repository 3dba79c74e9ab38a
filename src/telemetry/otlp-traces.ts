// Sampled spans to OTLP. Imported only when an endpoint is configured and something can be sampled. The SDK's
// sampler is always on, as the decision was made before; its context manager is not used.

import {
  type Context,
  ROOT_CONTEXT,
  SpanKind as ApiKind,
  type Span as ApiSpan,
  SpanStatusCode,
  trace,
  type Tracer,
  TraceFlags,
} from "@opentelemetry/api";
import type { Resource } from "@opentelemetry/resources";
import { watchExports } from "./export-watch.ts";
import type { OtlpOptions } from "./telemetry.ts";
import {
  type Parent,
  parseTraceparent,
  type Span,
  type SpanAttributes,
  type SpanKind,
  type Tracing,
} from "./tracing.ts";

const KINDS = { server: ApiKind.SERVER, client: ApiKind.CLIENT, internal: ApiKind.INTERNAL } as const;

export interface TraceOptions {
  readonly otlp: OtlpOptions;
  /** Share of requests traced when the caller did not decide. */
  readonly sampling: number;
  readonly random: { next(): number };
}

export async function exportTraces(
  resource: Resource,
  options: TraceOptions,
  onResult: (delivered: boolean, reason?: unknown) => void,
): Promise<{ readonly tracing: Tracing; stop(): Promise<void> }> {
  const [{ OTLPTraceExporter }, { AlwaysOnSampler, BatchSpanProcessor, TracerProvider }] = await Promise.all([
    import("@opentelemetry/exporter-trace-otlp-proto"),
    import("@opentelemetry/sdk-trace"),
  ]);
  const { otlp, sampling, random } = options;
  const exporter = new OTLPTraceExporter({
    url: `${otlp.endpoint.replace(/\/$/, "")}/v1/traces`,
    headers: { ...otlp.headers },
    timeoutMillis: 5_000,
  });
  watchExports(exporter, onResult);
  const provider = new TracerProvider({
    resource,
    sampler: new AlwaysOnSampler(),
    // A burst beyond the queue is dropped, never the process's memory.
    spanProcessors: [new BatchSpanProcessor({ exporter, maxQueueSize: 2_048, scheduledDelayMillis: 1_000 })],
    spanLimits: { attributeCountLimit: 32, attributeValueLengthLimit: 1_024 },
  });
  const tracer = provider.getTracer("catalyst");
  const tracing: Tracing = {
    start(name, kind, traceparent, attributes) {
      const parent = parseTraceparent(traceparent);
      const sampled = parent === undefined ? random.next() < sampling : parent.sampled;
      return sampled ? begin(tracer, name, kind, attributes, contextOf(parent)) : undefined;
    },
  };
  return { tracing, stop: () => provider.shutdown() };
}

function contextOf(parent: Parent | undefined): Context {
  if (parent === undefined) return ROOT_CONTEXT;
  const { traceId, spanId } = parent;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
  });
}

function begin(
  tracer: Tracer,
  name: string,
  kind: SpanKind,
  attributes: SpanAttributes | undefined,
  context: Context,
): Span {
  const span = tracer.startSpan(name, { kind: KINDS[kind], ...(attributes && { attributes }) }, context);
  return new LiveSpan(tracer, span, trace.setSpan(context, span));
}

class LiveSpan implements Span {
  readonly #tracer: Tracer;
  readonly #span: ApiSpan;
  readonly #context: Context;

  constructor(tracer: Tracer, span: ApiSpan, context: Context) {
    this.#tracer = tracer;
    this.#span = span;
    this.#context = context;
  }

  get traceId(): string {
    return this.#span.spanContext().traceId;
  }

  get traceparent(): string {
    const { traceId, spanId } = this.#span.spanContext();
    return `00-${traceId}-${spanId}-01`;
  }

  child(name: string, kind: SpanKind, attributes?: SpanAttributes): Span {
    return begin(this.#tracer, name, kind, attributes, this.#context);
  }

  set(name: string, value: string | number | boolean): void {
    this.#span.setAttribute(name, value);
  }

  fail(errorType: string): void {
    this.#span.setAttribute("error.type", errorType);
    this.#span.setStatus({ code: SpanStatusCode.ERROR });
  }

  end(): void {
    this.#span.end();
  }
}
