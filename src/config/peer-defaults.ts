// A peer and the rules as the rest of the node takes them: what follows from names and kind is filled in, and the user's words
// become the shapes of the routing room (`PeerIntent`, `Rule`), which these results fit. Loads no validator.

import type { ExportRuleConfig, ImportRuleConfig, PeerConfig } from "./peering.ts";

export interface Peering {
  readonly node: string;
  readonly organization: string;
  readonly kind: "internal" | "external";
  readonly role: "internal" | "provider" | "customer" | "lateral";
  readonly address?: string;
  readonly onLoss: "keep" | "depreference" | "withdraw";
  readonly holdMs: number;
  /** File of CA certificates; absent = the own organization's. */
  readonly trust?: string;
  readonly limits: {
    readonly routes: number;
    readonly rate: number;
    readonly bytes: number;
    readonly pathLength: number;
  };
}

/** Inside an organization a full table must fit; a stranger gets a tenth, and a twentieth of the memory. */
const LIMITS = {
  internal: { routes: 1_000_000, rate: 200_000, bytes: 1024 ** 3, pathLength: 32 },
  external: { routes: 100_000, rate: 20_000, bytes: 64 * 1024 ** 2, pathLength: 32 },
} as const;

const HOLD_MS = { internal: 9_000, external: 30_000 } as const;

export const organizationOfNode = (node: string): string => node.slice(node.indexOf(".") + 1);

/** `own` is this node's organization. */
export function peerOf(peer: PeerConfig, own: string): Peering {
  const organization = organizationOfNode(peer.node);
  const kind = peer.kind ?? (organization === own ? "internal" : "external");
  const { routes, rate, bytes, pathLength } = peer.limits;
  const standard = LIMITS[kind];
  return {
    node: peer.node,
    organization,
    kind,
    role: peer.role ?? (kind === "internal" ? "internal" : "lateral"),
    ...(peer.address === undefined ? {} : { address: peer.address }),
    onLoss: peer.onLoss,
    holdMs: peer.hold ?? HOLD_MS[kind],
    ...(peer.trust === undefined ? {} : { trust: peer.trust.file }),
    limits: {
      routes: routes ?? standard.routes,
      rate: rate ?? standard.rate,
      bytes: bytes ?? standard.bytes,
      pathLength: pathLength ?? standard.pathLength,
    },
  };
}

type Given<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

/** The entries that were given. */
const given = <T extends object>(all: T): Given<T> =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Given<T>;

export function importRuleOf({ peer, match, action, set, graph, unsafe }: ImportRuleConfig) {
  const changes = given({ ...set, graph: graph === undefined ? undefined : given(graph) });
  return {
    match: given({ peer, ...match }),
    action,
    ...(Object.keys(changes).length === 0 ? {} : { set: changes }),
    ...(unsafe ? { unsafe } : {}),
  };
}

export function exportRuleOf({ peer, to, match, action, set, unsafe }: ExportRuleConfig) {
  const changes = given({ ...set });
  return {
    match: given({ peer, organization: to, ...match }),
    action,
    ...(Object.keys(changes).length === 0 ? {} : { set: changes }),
    ...(unsafe ? { unsafe } : {}),
  };
}
