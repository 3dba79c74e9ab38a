// What the node says once about its ingress; everything else that is translated is a service or a key set.

import type { NodeName } from "#routing";
import type { EnvoyTelemetry } from "./telemetry.ts";

/** Whose tokens open ingress. "none" is for connectivity tests: no token is asked, and the listener says so in its form. */
export type IdentityMode = "own" | "jwks" | "none";

/** A part of the node: its unix socket, or its address in containers. */
export type PartAddress = { readonly path: string } | { readonly address: string; readonly port: number };

export interface EnvoyBase {
  readonly node: NodeName;
  readonly identity: IdentityMode;
  /** IP address and port clients come in at. */
  readonly listen: { readonly address: string; readonly port: number };
  /** PEM texts; absent = plain HTTP. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** HTTP listeners of the parts (`gateway-http.sock`, `auth-http.sock`). */
  readonly gateway: PartAddress;
  readonly auth: PartAddress;
  /** Largest body of a request to /graphql and /auth. */
  readonly bodyLimitBytes: number;
  /** Absent = no spans. */
  readonly telemetry?: EnvoyTelemetry;
}
