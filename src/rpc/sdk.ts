// What a service and its node say to each other over `run/sdk.sock`: the node's copy of sdk/src/wire.ts,
// which describes the protocol; `sdk.test.ts` holds both in step. A copy, because the SDK is published apart
// and may import nothing of the node.

export interface SdkRegistering {
  readonly name: string;
  readonly protocol: string;
  readonly endpoint?: string;
  readonly endpoints?: readonly string[];
  readonly ingress?: SdkIngress;
  readonly probe?: SdkProbe;
  readonly timeout?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly lease?: string;
}

export interface SdkIngress {
  readonly prefix?: string;
  readonly stripPrefix?: boolean;
  readonly host?: string;
}

export interface SdkProbe {
  readonly kind?: "http" | "tcp" | "graphql" | "none";
  readonly path?: string;
  readonly interval?: string;
  readonly timeout?: string;
  readonly up?: number;
  readonly down?: number;
}

export interface SdkRegistered {
  readonly lease: string;
  readonly name: string;
  readonly ttlMs: number;
  readonly renewMs: number;
}

export interface SdkRefusal {
  readonly error: { readonly code: string; readonly message: string; readonly hint?: string };
}

export type SdkEventName = "registered" | "drain";

export const SDK_PATHS = { services: "/v1/services", events: "/v1/events" } as const;
