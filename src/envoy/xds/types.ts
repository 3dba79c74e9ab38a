// The resource types this server speaks, and the order in which they are published: whatever a resource names goes out
// before it (make before break), and is taken away after it. Clusters and endpoints travel together, because a changed EDS
// cluster stays warming, and unacknowledged, until its endpoints come again (docs/internals/contracts.md section 2).

export const TYPES = ["secret", "cluster", "endpoint", "extension", "listener", "scope", "route"] as const;
export type ResourceType = (typeof TYPES)[number];

const url = (name: string): string => `type.googleapis.com/envoy.${name}`;

export const TYPE_URL: Readonly<Record<ResourceType, string>> = {
  secret: url("extensions.transport_sockets.tls.v3.Secret"),
  cluster: url("config.cluster.v3.Cluster"),
  endpoint: url("config.endpoint.v3.ClusterLoadAssignment"),
  extension: url("config.core.v3.TypedExtensionConfig"),
  listener: url("config.listener.v3.Listener"),
  scope: url("config.route.v3.ScopedRouteConfiguration"),
  route: url("config.route.v3.RouteConfiguration"),
};

export const TYPE_OF: ReadonlyMap<string, ResourceType> = new Map(TYPES.map((t) => [TYPE_URL[t], t]));

/** One phase waits for Envoy's answer to the one before, but where all of that is in force as soon as it is read. */
export const PHASES: readonly (readonly ResourceType[])[] = [
  ["secret"],
  ["cluster", "endpoint"],
  ["extension"],
  ["listener"],
  ["scope", "route"],
];

/** Removals, one type after the other: what names something goes before it. */
export const REMOVALS: readonly ResourceType[] = [
  "listener",
  "scope",
  "route",
  "extension",
  "cluster",
  "endpoint",
  "secret",
];

/** "type/name": how a resource is called in maps, outcomes and messages. */
export type Ref = `${ResourceType}/${string}`;
export const refOf = (type: ResourceType, name: string): Ref => `${type}/${name}`;

export function splitRef(ref: Ref): readonly [type: ResourceType, name: string] {
  const slash = ref.indexOf("/");
  // By the shape of a Ref.
  return [ref.slice(0, slash) as ResourceType, ref.slice(slash + 1)];
}

/** A resource to be put in force, or (without bytes) taken away. */
export interface Change {
  readonly type: ResourceType;
  readonly name: string;
  readonly bytes: Uint8Array | undefined;
  /** What it names; all of it must exist. */
  readonly needs?: readonly Ref[];
  /** In force once Envoy has read it, and its endpoints behind it: what names it need not wait for the answer. */
  readonly atOnce?: boolean;
}

export type Outcome =
  | { readonly state: "acknowledged"; readonly ms: number }
  | { readonly state: "refused"; readonly text: string }
  /** No Envoy is connected, or none asked for it yet; it gets it when it does. */
  | { readonly state: "stored" }
  /** A newer version took its place before Envoy answered. */
  | { readonly state: "superseded" }
  | { readonly state: "unanswered"; readonly ms: number }
  /** Not taken away, because something still names it. */
  | { readonly state: "kept"; readonly by: Ref };

export interface Published {
  readonly ms: number;
  readonly outcomes: ReadonlyMap<Ref, Outcome>;
}

/** Hard bounds on what an xDS client can make us hold or send. */
export const XDS_LIMITS = {
  /** A reconnecting Envoy lists every resource it has: 100 bytes each. */
  requestBytes: 8 * 1024 * 1024,
  /** Names one stream may ask for, per type. */
  names: 100_000,
  nameBytes: 1_024,
  /** Response size aimed at; one larger resource goes alone. */
  chunkBytes: 1024 * 1024,
  sessions: 16,
  streams: 16,
  /** After this a publication goes on without Envoy's answer, and says so. */
  answerMs: 10_000,
} as const;
