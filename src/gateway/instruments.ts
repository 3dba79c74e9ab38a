// What the gateway tells the telemetry, as plain functions, so that this room needs no telemetry library and a gateway without
// telemetry pays nothing. Labels are service names, kinds and codes: never text of a document. All durations in seconds.

export interface GatewayInstruments {
  request(kind: "query" | "mutation" | "invalid", outcome: string, seconds: number): void;
  fetch(service: string, outcome: string, seconds: number): void;
  /** A document was found prepared, or had to be prepared. */
  planCache(hit: boolean): void;
  /** An answer was forwarded without reading it. */
  passThrough(): void;
  /** A configuration was applied or refused. */
  swap(outcome: "applied" | "unchanged" | "refused", composeSeconds: number): void;
  /** A request that never reached the executor: limits, tokens, transport. */
  rejected(code: string): void;
}
