// What a local process offers, as the state holds it. A service's full name is the route key; its protocol is an attribute.
// Invariant: every value here is plain, frozen-by-convention data (readonly all the way), replaced and never changed in place.

import type { Millis } from "#kernel";

/** Full name, "reviews.globex.catalyst.internal". */
export type ServiceName = string;
/** "edge1.globex.catalyst.internal" */
export type NodeName = string;
/** "globex.catalyst.internal" */
export type OrgName = string;
/** SHA-256, base64url, of content kept elsewhere. */
export type Hash = string;

export type Protocol = "http" | "http:graphql" | "http:grpc" | "tcp" | "udp";
export type Health = "up" | "down" | "unknown";

/** Who declared it; only the owner may change it. `plugin` is a local service that the node itself started. */
export type Owner =
  | { readonly kind: "config"; readonly file: string; readonly line: number }
  | { readonly kind: "admin" }
  | { readonly kind: "sdk" }
  | { readonly kind: "plugin"; readonly plugin: string };

export type ProbeKind = "http" | "tcp" | "graphql" | "none";

/** How health is found out. `up` and `down` are how many equal answers in a row it takes to change (hysteresis). */
export interface Probe {
  readonly kind: ProbeKind;
  /** Path for "http"; default "/". */
  readonly path?: string;
  readonly intervalMs: Millis;
  readonly timeoutMs: Millis;
  readonly up: number;
  readonly down: number;
}

/** Where a `http` service appears at ingress: under a path prefix, or (always as well) by its full name as host. */
export interface Ingress {
  readonly prefix?: string;
  readonly stripPrefix?: boolean;
  readonly host?: string;
}

/** What was asked for: one declaration by one owner. */
export interface ServiceIntent {
  readonly name: ServiceName;
  readonly protocol: Protocol;
  readonly owner: Owner;
  /** Absolute URLs ("http://127.0.0.1:5001/graphql") or host:port for tcp and udp. */
  readonly endpoints: readonly string[];
  readonly probe: Probe;
  readonly ingress?: Ingress;
  /** Milliseconds a call may take. */
  readonly timeoutMs: Millis;
  readonly export: boolean;
  readonly labels?: Readonly<Record<string, string>>;
}

/** One address of a service with what is known of it. `streak` counts equal probe answers against the current health. */
export interface Endpoint {
  readonly url: string;
  readonly health: Health;
  readonly streak: number;
  /** Why it is not up; absent when it is. */
  readonly reason?: string;
  /** SDK registration that brought it; gone when not renewed by `notAfter`. */
  readonly lease?: { readonly id: string; readonly notAfter: Millis };
}

/** A service in the state: the intent and what was observed. */
export interface Service extends Omit<ServiceIntent, "endpoints"> {
  readonly endpoints: readonly Endpoint[];
  /** "up" when at least one endpoint is. */
  readonly health: Health;
  /** GraphQL: hash of the SDL in the blob store, and how the gateway must treat it. */
  readonly schema?: { readonly hash: Hash; readonly kind: "federation" | "graphql" };
  /** Why it is left out of the graph or of Envoy, by the part that refused it. */
  readonly quarantine?: readonly Quarantine[];
  /** Revision of its last change. */
  readonly revision: number;
}

export interface Quarantine {
  readonly by: "gateway" | "envoy" | "schema";
  readonly code: string;
  readonly text: string;
}
