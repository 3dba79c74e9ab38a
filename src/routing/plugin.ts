// The public extension points, and the unions of everything that passes through the node's one loop. `IRouteTablePlugin`
// decides how a message or a tick changes the route table, `IServicePlugin` is the registry of services,
// `ILocalServicePlugin` brings services that the node itself starts, `IPropagationPlugin` says what neighbours are told.

import type { Changes, Commit as KernelCommit, Effect as KernelEffect, Millis, Plugin } from "#kernel";
import type { EnvoyNodeCertWant, PeeringEffect } from "./peering-effects.ts";
import type { PeerTerms } from "./received.ts";
import type { PeerIntent } from "./route.ts";
import type { PeerDelta, RouteDelta, RulesDelta } from "./route-delta.ts";
import type { RuleLists } from "./rule.ts";
import type { Routes } from "./session/speech.ts";
import type {
  Endpoint,
  Hash,
  Health,
  NodeName,
  OrgName,
  Owner,
  Quarantine,
  Service,
  ServiceIntent,
  ServiceName,
} from "./service.ts";
import type { Best, RouteView } from "./table.ts";

/** Verification keys in force at ingress, as the auth part last told. */
export interface TrustKeys {
  readonly revision: number;
  readonly issuer: string;
  readonly audience: string;
  /** The JWKS as JSON text, members sorted, so that equal sets are equal bytes. */
  readonly jwks: string;
}

export type Event =
  /** The whole list the configuration file owns; what is missing in it is removed. At start and on reload. */
  | { readonly kind: "config.services"; readonly at: Millis; readonly services: readonly ServiceIntent[] }
  /** What the store held from admin RPC, at start. */
  | { readonly kind: "store.services"; readonly at: Millis; readonly services: readonly ServiceIntent[] }
  | { readonly kind: "service.add"; readonly at: Millis; readonly intent: ServiceIntent }
  | {
      readonly kind: "service.remove";
      readonly at: Millis;
      readonly name: ServiceName;
      readonly owner: Owner["kind"];
    }
  /** An SDK registration or its renewal (same lease id). */
  | {
      readonly kind: "lease.register";
      readonly at: Millis;
      readonly lease: string;
      readonly notAfter: Millis;
      readonly intent: ServiceIntent;
    }
  | { readonly kind: "lease.end"; readonly at: Millis; readonly lease: string }
  | {
      readonly kind: "probe.result";
      readonly at: Millis;
      readonly service: ServiceName;
      readonly endpoint: string;
      readonly ok: boolean;
      readonly reason?: string;
    }
  | {
      readonly kind: "schema.read";
      readonly at: Millis;
      readonly service: ServiceName;
      readonly result:
        | { readonly ok: true; readonly hash: Hash; readonly kind: "federation" | "graphql" }
        | { readonly ok: false; readonly code: string; readonly text: string };
    }
  /** The gateway's or Envoy's verdict on what was applied; replaces the earlier verdict of the same `by`. */
  | {
      readonly kind: "verdict";
      readonly at: Millis;
      readonly by: Quarantine["by"];
      readonly quarantined: readonly {
        readonly service: ServiceName;
        readonly code: string;
        readonly text: string;
      }[];
    }
  /** A node to exchange routes with, or other terms for a known one. */
  | { readonly kind: "peer.set"; readonly at: Millis; readonly peering: PeerIntent }
  | { readonly kind: "peer.remove"; readonly at: Millis; readonly peer: NodeName }
  /** What a session says of the peer's routes, in the order of its frames. Routes are claims: not parsed yet. */
  | { readonly kind: "peer.told"; readonly at: Millis; readonly peer: NodeName; readonly told: Routes }
  /** Whether the peer's Envoy answers. */
  | { readonly kind: "peer.reach"; readonly at: Millis; readonly peer: NodeName; readonly reach: Health }
  /** The next slice of a walk or a sweep is due. */
  | { readonly kind: "peer.walk"; readonly at: Millis; readonly peer: NodeName }
  | { readonly kind: "rules.set"; readonly at: Millis; readonly rules: RuleLists }
  /** The next slice of the walk over what peers may reach is due. */
  | { readonly kind: "export.walk"; readonly at: Millis }
  /** This node's own certificate: at start, and when it was renewed. */
  | { readonly kind: "node.certificate"; readonly at: Millis; readonly certificate: EnvoyNodeCertWant }
  | { readonly kind: "keys.changed"; readonly at: Millis; readonly keys: TrustKeys }
  /** Once a second: leases and routes expire by it. */
  | { readonly kind: "tick"; readonly at: Millis }
  | {
      readonly kind: "effect.done";
      readonly at: Millis;
      readonly effect: string;
      readonly key: string;
      readonly revision: number;
    }
  | {
      readonly kind: "effect.failed";
      readonly at: Millis;
      readonly effect: string;
      readonly key: string;
      readonly code: string;
      readonly text: string;
      readonly retry: boolean;
    }
  /** What runners of plugins from outside observe. */
  | { readonly kind: `x.${string}`; readonly at: Millis; readonly data?: unknown };

export type ServiceDelta =
  | { readonly kind: "service.set"; readonly service: Service }
  | { readonly kind: "service.delete"; readonly name: ServiceName }
  | { readonly kind: "service.endpoint"; readonly name: ServiceName; readonly endpoint: Endpoint }
  | { readonly kind: "service.endpoint.delete"; readonly name: ServiceName; readonly url: string }
  | { readonly kind: "service.schema"; readonly name: ServiceName; readonly schema: Service["schema"] }
  | {
      readonly kind: "service.quarantine";
      readonly name: ServiceName;
      readonly by: Quarantine["by"];
      readonly because?: { readonly code: string; readonly text: string };
    };

export type KeysDelta = { readonly kind: "keys.set"; readonly keys: TrustKeys };

export type { PeerDelta, RouteDelta, RulesDelta };

export type Delta = ServiceDelta | KeysDelta | PeerDelta | RouteDelta | RulesDelta;

export interface Commit extends KernelCommit {
  readonly changes: {
    readonly services: Changes<ServiceName, Service>;
    /** Names whose best paths changed. */
    readonly routes: Changes<ServiceName, Best>;
    readonly peers: Changes<NodeName, PeerTerms>;
    readonly keys?: { readonly before?: TrustKeys; readonly after: TrustKeys };
  };
}

/** What plugins read. Never hold on to it across events: the table behind it changes in place. */
export interface StateView {
  readonly node: NodeName;
  readonly revision: number;
  readonly services: {
    get(name: ServiceName): Service | undefined;
    has(name: ServiceName): boolean;
    readonly size: number;
    values(): Iterable<Service>;
  };
  readonly routes: RouteView;
  readonly rules: RuleLists;
  /** Which services a lease brought, for O(1) renewal and end. */
  lease(id: string): { readonly service: ServiceName; readonly url: string } | undefined;
  /** Leases that end at or before `at`, earliest first; cost grows with the answer only. */
  leasesEnding(
    at: Millis,
  ): Iterable<{ readonly id: string; readonly service: ServiceName; readonly url: string }>;
  /** Services that this part left out. */
  quarantined(by: Quarantine["by"]): Iterable<ServiceName>;
  /** Who has this ingress prefix or host; the full name of a service is a host of its own. */
  ingressOwner(kind: "prefix" | "host", value: string): ServiceName | undefined;
  readonly keys: TrustKeys | undefined;
}

/** Effects of the built-in plugins. A plugin from outside brings its own kinds with its own runners. */
export type Effect =
  /** Keep probing this endpoint. key = service + " " + url. */
  | { readonly kind: "probe"; readonly key: string; readonly want: ProbeWant | undefined }
  /** Keep the SDL of this GraphQL service read. key = service. */
  | { readonly kind: "schema"; readonly key: ServiceName; readonly want: SchemaWant | undefined }
  /** Its place in the graph. key = service. */
  | { readonly kind: "graph"; readonly key: ServiceName; readonly want: GraphWant | undefined }
  /** Its place in Envoy; `envoy/` translates it to cluster, endpoints and routes. key = service. */
  | { readonly kind: "envoy.service"; readonly key: ServiceName; readonly want: EnvoyServiceWant | undefined }
  /** Goes on with what concerns all routes of a peer, slice by slice. key = peer, want = number of the slice. */
  | { readonly kind: "route.walk"; readonly key: NodeName; readonly want: number | undefined }
  /** Goes on with what concerns everything that peers may reach, slice by slice. key = "exports", want = number of the slice. */
  | { readonly kind: "export.walk"; readonly key: "exports"; readonly want: number | undefined }
  | PeeringEffect
  /** Verification keys at Envoy's ingress. key = "keys". */
  | { readonly kind: "envoy.keys"; readonly key: "keys"; readonly want: TrustKeys | undefined }
  /** What must survive a restart. key = service. */
  | { readonly kind: "persist"; readonly key: ServiceName; readonly want: ServiceIntent | undefined }
  | (KernelEffect & { readonly kind: `x.${string}` });

export interface ProbeWant {
  readonly service: ServiceName;
  readonly url: string;
  readonly kind: "http" | "tcp" | "graphql";
  readonly path?: string;
  readonly intervalMs: Millis;
  readonly timeoutMs: Millis;
}

export interface SchemaWant {
  readonly service: ServiceName;
  /** A healthy endpoint first. */
  readonly urls: readonly string[];
  readonly timeoutMs: Millis;
}

export interface GraphWant {
  readonly service: ServiceName;
  /** Absent = as the schema says itself. */
  readonly kind?: "federation" | "graphql";
  readonly sdl: Hash;
  readonly urls: readonly string[];
  readonly timeoutMs: Millis;
  /** Peers that told of it, best first: it is reached through egress, and they have the text of its schema. Absent = own. */
  readonly learnedFrom?: readonly NodeName[];
  /** Of another organization: how it joins. */
  readonly foreign?: {
    readonly organization: OrgName;
    readonly prefix: string;
    readonly shared: readonly string[];
  };
}

export interface EnvoyServiceWant {
  readonly service: ServiceName;
  readonly protocol: Service["protocol"];
  /** host:port of each healthy endpoint, sorted; equal sets are equal arrays. */
  readonly endpoints: readonly string[];
  /** Path of the endpoint URL, when it is not "/": prepended to what the client asks. */
  readonly path?: string;
  readonly ingress: {
    readonly prefix?: string;
    readonly stripPrefix: boolean;
    readonly hosts: readonly string[];
  };
  readonly timeoutMs: Millis;
}

/** The node's instance of the kernel's type parameters. */
export interface NodeTypes {
  event: Event;
  delta: Delta;
  commit: Commit;
  view: StateView;
  effect: Effect;
}

export interface IRouteTablePlugin extends Plugin<NodeTypes, RouteDelta | PeerDelta | RulesDelta> {}
export interface IServicePlugin extends Plugin<NodeTypes, ServiceDelta> {}
export interface ILocalServicePlugin extends Plugin<NodeTypes, ServiceDelta> {}
export interface IPropagationPlugin extends Plugin<NodeTypes, never> {}
/** Any of the four, as the loader takes them; keys are the auth part's matter and stay built in. */
export type NodePlugin = Plugin<NodeTypes, Delta>;

export type { Health };
