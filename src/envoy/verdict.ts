// What became of a want, in the words its owner is told: from what Envoy said of the resources it was written as.

import type { ErrorCode } from "#rpc";
import type { Outcome } from "./xds/index.ts";

export type Verdict = { readonly ok: true; readonly ms: number; readonly acknowledged: boolean } | Failure;

export interface Failure {
  readonly ok: false;
  readonly code: ErrorCode;
  readonly text: string;
  readonly retry: boolean;
}

export const refusedBy = (text: string): Failure => ({
  ok: false,
  code: "ERR_ENVOY_REFUSED",
  text,
  retry: false,
});

export function failureOf(outcome: Outcome): Failure | undefined {
  if (outcome.state === "refused") return refusedBy(outcome.text);
  if (outcome.state !== "unanswered") return undefined;
  const text = `Envoy did not answer within ${Math.round(outcome.ms)} ms`;
  return { ok: false, code: "ERR_TIMEOUT", text, retry: true };
}

/** The first failure, or when it was in force. */
export function verdictOf(outcomes: readonly Outcome[], ms: number): Verdict {
  for (const outcome of outcomes) {
    const failure = failureOf(outcome);
    if (failure !== undefined) return failure;
  }
  return { ok: true, ms, acknowledged: outcomes.every((o) => o.state === "acknowledged") };
}
