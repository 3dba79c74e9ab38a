// Traces without a cost for what is not traced: whether a request is sampled is decided first, from the
// caller's `traceparent` or by chance, and for all others there is no span, no context and no library. A span
// is passed on explicitly; nothing hides in an async context, which would cost every await of a hot path.
// Follows W3C Trace Context level 1, section 3.2, for the header.

export type SpanKind = "server" | "client" | "internal";
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

export interface Tracing {
  /**
   * The first span of a request in this process, or undefined when it is not traced: callers write
   * `span?.end()`.
   * `traceparent` is the caller's header, whatever it holds.
   */
  start(
    name: string,
    kind: SpanKind,
    traceparent: string | undefined,
    attributes?: SpanAttributes,
  ): Span | undefined;
}

export interface Span {
  readonly traceId: string;
  /** The header for calls made on behalf of this span. */
  readonly traceparent: string;
  child(name: string, kind: SpanKind, attributes?: SpanAttributes): Span;
  set(name: string, value: string | number | boolean): void;
  /** `errorType` is a code of a closed set. */
  fail(errorType: string): void;
  end(): void;
}

export interface Parent {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * The caller's context, or undefined when the header is absent or not valid: then this is the first node of a
 * trace.
 */
export function parseTraceparent(header: string | undefined): Parent | undefined {
  // Far longer than any valid header: not worth a look.
  if (header === undefined || header.length > 256) return undefined;
  const [, version, traceId = "", spanId = "", flags = "", rest] = TRACEPARENT.exec(header) ?? [];
  // Version 00 has exactly four fields; ff is forbidden; later versions may append.
  if (version === undefined || version === "ff" || (version === "00" && rest !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export const NO_TRACING: Tracing = { start: () => undefined };
