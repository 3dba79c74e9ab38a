// The measuring points of gateway and auth, bound to the metrics. Those rooms name plain functions and know
// no telemetry; their interfaces are met here by shape. Series are looked up by values of closed sets and of
// the configuration.

import type { Meter } from "./meter.ts";

/** What the gateway measures. */
export function gatewayInstruments(meter: Meter) {
  const request = meter.histogram("gateway.request.duration");
  const fetch = meter.histogram("gateway.subgraph.duration");
  const hit = meter.counter("gateway.plan.cache").at("hit");
  const miss = meter.counter("gateway.plan.cache").at("miss");
  const passThrough = meter.counter("gateway.pass_through").at();
  const reload = meter.counter("gateway.config.reload");
  const compose = meter.histogram("gateway.config.duration").at();
  const rejected = meter.counter("gateway.rejected");
  return {
    request: (kind: "query" | "mutation" | "invalid", outcome: string, seconds: number): void =>
      request.at(kind, outcome).record(seconds),
    fetch: (service: string, outcome: string, seconds: number): void =>
      fetch.at(service, outcome === "ok" ? "" : outcome).record(seconds),
    planCache: (found: boolean): void => (found ? hit : miss).add(),
    passThrough: (): void => passThrough.add(),
    swap: (outcome: "applied" | "unchanged" | "refused", composeSeconds: number): void => {
      reload.at(outcome).add();
      if (outcome !== "unchanged") compose.record(composeSeconds);
    },
    rejected: (code: string): void => rejected.at(code).add(),
  };
}

/** What the auth part measures. */
export function authInstruments(meter: Meter) {
  const sign = meter.histogram("auth.sign.duration");
  const verify = meter.histogram("auth.verify.duration");
  const fetched = meter.counter("auth.jwks.fetch");
  return {
    sign: (seconds: number, error?: string): void => sign.at(error ?? "").record(seconds),
    verify: (seconds: number, outcome: string): void => verify.at(outcome).record(seconds),
    jwksFetch: (outcome: "ok" | "unchanged" | "failed"): void => fetched.at(outcome).add(),
  };
}
