// One path to a service, as one peer told it, and what a node makes of all paths to one name. What is told is exactly a `Route` (frames
// only say once what many share, src/rpc/peer-frame.ts), and kept before policy. Paths are alternatives of one name; several nodes may offer it.
// Follows docs/internals/decision.md. Every value is plain data, replaced and never changed in place.

import type { Millis } from "#kernel";
import type { Hash, Health, NodeName, OrgName, Protocol, ServiceName } from "./service.ts";

/** Who may hear of it: this node, this organization, direct peers only, or whoever policy lets hear. */
export type Scope = "node" | "organization" | "direct" | "transitive";

/** The origin's; grows with every change of the route, attributes included. Compared epoch first. */
export interface RouteVersion {
  readonly epoch: number;
  readonly seq: number;
}

export interface RouteAttributes {
  readonly health: Health;
  readonly region?: string;
  /** SHA-256 of the GraphQL schema; its text is fetched on demand. */
  readonly schema?: Hash;
  readonly descriptor?: Hash;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface Route {
  readonly key: ServiceName;
  readonly protocol: Protocol;
  readonly origin: NodeName;
  readonly version: RouteVersion;
  /** Organizations the claim went through, nearest first; the last one is the origin's. */
  readonly orgPath: readonly OrgName[];
  /** Nodes, nearest first; the last one is the origin. */
  readonly nodePath: readonly NodeName[];
  readonly nextHop: NodeName;
  /** host:port of the next hop's Envoy; nobody but its owner rewrites it. */
  readonly nextHopAddress: string;
  readonly scope: Scope;
  /** RFC 9234 "only to customer": set by the first organization that passed it to a customer or a lateral peer. */
  readonly onlyToCustomer?: OrgName;
  /** Compared only between paths from one neighbouring organization. */
  readonly cost: number;
  /** On internal sessions only; never crosses the border of an organization. */
  readonly localPreference?: number;
  /** Lease: no path is used past it. */
  readonly notAfter: Millis;
  readonly health: Health;
  /** Communities ("org:name" tags) and the other attributes, as text: `details.ts`. */
  readonly details: string;
}

export type PeerKind = "internal" | "external";

/** RFC 9234, as this side sees the other: the other side is my provider, my customer, or lateral to me. */
export type PeerRole = "internal" | "provider" | "customer" | "lateral";

/** What happens to a peer's routes when its session is lost without a word. */
export type OnLoss = "keep" | "depreference" | "withdraw";

/** Limits of one peer; a configurable one may only be lower than the node's hard bound. */
export interface PeerLimits {
  readonly routes: number;
  /** Routes a second, averaged over ten seconds. */
  readonly rate: number;
  /** Bytes of received routes held. */
  readonly bytes: number;
  readonly pathLength: number;
}

/** CA certificates that are believed for the nodes of one organization: where they are, and the hash of what was read there. */
export interface TrustFile {
  readonly file: string;
  readonly hash: Hash;
}

/** Believed by the name it tells: `identity.mode: none`, where no node proves who it is. */
export interface TrustByName {
  readonly unproven: true;
}

/** A remote node this node agreed to exchange routes with. */
export interface PeerIntent {
  readonly node: NodeName;
  readonly organization: OrgName;
  readonly kind: PeerKind;
  readonly role: PeerRole;
  /** host:port of its control listener; absent = it dials us. */
  readonly address?: string;
  readonly onLoss: OnLoss;
  /** Silence after which the session counts as lost, as this side proposes it; absent = by kind. */
  readonly holdMs?: Millis;
  readonly limits: PeerLimits;
  /** Absent = its certificate is not believed, so no request goes between the two Envoys. */
  readonly trust?: TrustFile | TrustByName;
  readonly adminDown?: { readonly reason: string };
}
