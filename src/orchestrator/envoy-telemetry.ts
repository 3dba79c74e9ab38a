// Envoy's own telemetry as the configuration asks for it: what its resources say of it, and what its bootstrap says. Without
// an endpoint both are empty, and Envoy knows nothing of a collector. Only the bootstrap (0600) holds what the headers say.

import { readSecret } from "#config";
import type { CollectorOptions, EnvoyTelemetry } from "#envoy";
import type { Boot } from "./boot.ts";

type Wanted = Pick<Boot, "config" | "version">;

export function envoyTelemetry({ config, version }: Wanted): { readonly telemetry?: EnvoyTelemetry } {
  const { otlp, sampling } = config.telemetry;
  if (otlp.endpoint === undefined) return {};
  const headers = Object.keys(otlp.headers ?? {});
  return { telemetry: { endpoint: otlp.endpoint, headers, sampling, version } };
}

export async function envoyCollector(boot: Wanted): Promise<{ readonly telemetry?: CollectorOptions }> {
  const { telemetry } = envoyTelemetry(boot);
  if (telemetry === undefined) return {};
  const { headers = {}, interval } = boot.config.telemetry.otlp;
  const named = Object.entries(headers).map(([name, secret]) => [name, readSecret(secret)] as const);
  return {
    telemetry: {
      ...telemetry,
      headers: Object.fromEntries(named),
      intervalMs: interval,
      // The parts believe the same ones.
      roots: telemetry.endpoint.startsWith("https:") ? await knownRoots() : "",
    },
  };
}

/** TLS is loaded for whom it is meant: a node starts without. */
async function knownRoots(): Promise<string> {
  const { getCACertificates } = await import("node:tls");
  return getCACertificates().join("\n");
}
