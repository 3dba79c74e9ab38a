// Every metric of the node, by name (docs/reference/conventions.md section 11): what it counts, its unit, its
// labels. Names of our own get the prefix `catalyst.` when they are exported; those of the semantic
// conventions stand as they are. Labels are values of the configuration or of closed sets, never text from
// the wire; `error.type` is left out on success. An area gets its lines with the issue that measures it.

export interface Metric {
  readonly kind: "counter" | "gauge" | "histogram";
  /** UCUM, as OpenTelemetry wants it. */
  readonly unit: string;
  readonly text: string;
  readonly labels: readonly string[];
  readonly buckets?: readonly number[];
}

/** The buckets that the semantic conventions ask for; for what a client waits for. */
const WAITING = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
/** From a cache hit of a microsecond to a second; for what happens inside. */
const INSIDE = [
  0.000_01, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
];

const counter = (unit: string, text: string, ...labels: string[]) =>
  ({ kind: "counter", unit, text, labels }) as const;
const gauge = (unit: string, text: string, ...labels: string[]) =>
  ({ kind: "gauge", unit, text, labels }) as const;
const histogram = (buckets: readonly number[], text: string, ...labels: string[]) =>
  ({ kind: "histogram", unit: "s", text, labels, buckets }) as const;

export const METRICS = {
  "pipeline.events": counter("{event}", "events taken by the loop", "kind"),
  "pipeline.duration": histogram(INSIDE, "one commit: both phases of all plugins"),
  "pipeline.queue.depth": gauge("{event}", "events that wait"),
  "pipeline.plugin.failures": counter("{failure}", "exceptions of a plugin", "plugin"),
  "pipeline.effects.pending": gauge("{effect}", "effects that are not true yet"),
  "pipeline.effects.failing": gauge("{effect}", "effects whose last run failed"),
  "state.commit": counter("{commit}", "revisions made"),
  "state.generation": gauge("{revision}", "present revision"),

  "service.up": gauge("{service}", "services by health", "health"),
  "service.quarantined": gauge("{service}", "services left out of the graph or of Envoy"),
  "service.restarts": counter("{restart}", "restarts of a part", "part"),
  "service.health.duration": histogram(WAITING, "one health probe", "kind", "error.type"),

  "xds.push.duration": histogram(INSIDE, "from the commit to Envoy's acknowledgement", "type"),
  "xds.pushes": counter("{push}", "answers sent to Envoy", "type"),
  "xds.acks": counter("{ack}", "answers that Envoy took", "type"),
  "xds.nacks": counter("{nack}", "answers that Envoy refused", "type"),
  "xds.resources": gauge("{resource}", "resources offered", "type"),
  "xds.pending": gauge("{resource}", "resources that Envoy did not acknowledge yet", "type"),
  "xds.stream.connected": gauge("{stream}", "streams of Envoy"),

  "gateway.request.duration": histogram(
    WAITING,
    "one GraphQL request",
    "graphql.operation.type",
    "http.response.status_code",
  ),
  "gateway.subgraph.duration": histogram(WAITING, "one call of a service", "catalyst.service", "error.type"),
  "gateway.plan.cache": counter("{lookup}", "look-ups of a prepared document", "result"),
  "gateway.pass_through": counter("{answer}", "answers forwarded without being read"),
  "gateway.rejected": counter("{request}", "requests refused before execution", "reason"),
  "gateway.config.reload": counter("{reload}", "configurations offered", "outcome"),
  "gateway.config.duration": histogram(WAITING, "composition of one configuration"),
  "gateway.config.generation": gauge("{revision}", "revision that is served"),

  "auth.sign.duration": histogram(INSIDE, "one signature", "error.type"),
  "auth.verify.duration": histogram(INSIDE, "one verification", "step"),
  "auth.jwks.fetch": counter("{fetch}", "fetches of a key set", "outcome"),
  "auth.jwks.age": gauge("s", "age of the fetched key set"),

  "rpc.server.call.duration": histogram(INSIDE, "one call of a contract", "rpc.method", "error.type"),
  "rpc.sessions": gauge("{session}", "sessions open", "socket"),

  "telemetry.dropped": counter("{item}", "spans and batches that could not be delivered", "signal"),

  "process.cpu.time": counter("s", "processor time used", "process.cpu.mode"),
  "process.memory.usage": gauge("By", "resident memory"),
  "process.uptime": gauge("s", "time since the process started"),
  "process.open_file_descriptor.count": gauge("{file_descriptor}", "open descriptors"),
  "nodejs.eventloop.delay.p50": gauge("s", "delay of the event loop, median since the last export"),
  "nodejs.eventloop.delay.p99": gauge("s", "delay of the event loop, 99th percentile since the last export"),
  "nodejs.eventloop.delay.max": gauge("s", "delay of the event loop, worst since the last export"),
  "nodejs.eventloop.utilization": gauge("1", "share of time in which the event loop was busy"),
  "v8js.memory.heap.used": gauge("By", "memory of live objects and what is not collected yet"),
  "v8js.gc.duration": histogram(INSIDE, "one collection", "v8js.gc.type"),
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof METRICS;
type Named<Kind extends Metric["kind"]> = {
  [K in MetricName]: (typeof METRICS)[K]["kind"] extends Kind ? K : never;
}[MetricName];
export type CounterName = Named<"counter">;
export type GaugeName = Named<"gauge">;
export type HistogramName = Named<"histogram">;

const STANDARD = /^(http|rpc|process|nodejs|v8js)\./;

export const exportedName = (name: MetricName): string => (STANDARD.test(name) ? name : `catalyst.${name}`);
