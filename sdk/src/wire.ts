// What a service and its node say to each other: JSON over HTTP, so that any language can. This is all of it:
//
//   POST   /v1/services            Registering → Registered; the same with `lease` renews it
//   DELETE /v1/services/LEASE      → 204
//   GET    /v1/events?lease=LEASE  event stream: `registered` at once, `drain` when the node stops
//
// A refusal is any status of 400 and above with a Refusal as body. Over TCP every request carries an API key
// (`authorization: Bearer cat_…`) with the scope `register:NAME`; the node's own socket needs none.
// The node's copy is src/rpc/sdk.ts; a test holds both in step.

export interface Registering {
  /** Short ("reviews") or full name. */
  readonly name: string;
  /** "http:graphql", "http", … */
  readonly protocol: string;
  /** Where the node reaches it, an absolute URL; `endpoints` when it has several. */
  readonly endpoint?: string;
  readonly endpoints?: readonly string[];
  readonly ingress?: Ingress;
  readonly probe?: Probe;
  readonly timeout?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** The lease to renew; a lease that the node does not know any more is given again. */
  readonly lease?: string;
}

/** Where an `http` service appears at the node's ingress. */
export interface Ingress {
  readonly prefix?: string;
  readonly stripPrefix?: boolean;
  readonly host?: string;
}

/** How the node finds out whether the service is well; durations as "2s". */
export interface Probe {
  readonly kind?: "http" | "tcp" | "graphql" | "none";
  readonly path?: string;
  readonly interval?: string;
  readonly timeout?: string;
  /** Equal answers in a row until it counts as up, as down. */
  readonly up?: number;
  readonly down?: number;
}

export interface Registered {
  readonly lease: string;
  /** Full name. */
  readonly name: string;
  /** The registration ends when it is not renewed within this. */
  readonly ttlMs: number;
  /** When to renew. */
  readonly renewMs: number;
}

export interface Refusal {
  readonly error: { readonly code: string; readonly message: string; readonly hint?: string };
}

/** Names of the events on the stream. `drain`: the node stops; no new requests will come. */
export type EventName = "registered" | "drain";

export const PATHS = { services: "/v1/services", events: "/v1/events" } as const;
