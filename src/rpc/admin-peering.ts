// The part of the admin contract about other nodes: peers, routes and the rules between them. `AdminVerbs` takes a verb over from
// `PeeringVerbs` together with what answers it, because a verb that is listed works. Explanations and differences are the
// routing room's own plain data; what concerns a session is said in the words of an operator.

import type { Explained, Health, OnLoss, PeerDifference, PeerKind, PeerRole, Scope } from "#routing";

export type { Explained, ExplainedPath, PeerDifference } from "#routing";

export interface PeeringVerbs {
  "peer.list": { args: Record<never, never>; result: readonly PeerRecord[] };
  "peer.show": { args: { node: string }; result: PeerRecord };
  "peer.add": { args: PeerAdd; result: PeerRecord };
  "peer.remove": { args: { node: string }; result: { node: string; revision: number } };
  "peer.up": { args: { node: string }; result: PeerRecord };
  "peer.down": { args: { node: string; reason?: string }; result: PeerRecord };
  /** Asks the peer to tell everything again. */
  "peer.refresh": { args: { node: string }; result: PeerRecord };
  /** What other rules would change; nothing is changed. */
  "peer.diff": { args: { imports?: unknown[]; exports?: unknown[] }; result: readonly PeerDifference[] };
  "route.list": { args: RouteListArgs; result: readonly RouteRecord[] };
  "route.show": { args: { name: string }; result: readonly RouteRecord[] };
  "route.explain": { args: { name: string }; result: RouteExplanation };
}

export interface PeerAdd {
  node: string;
  address?: string;
  kind?: PeerKind;
  role?: PeerRole;
  /** PEM: the file is the client's, not the node's. */
  trust?: string;
  onLoss?: OnLoss;
  limits?: { routes?: number; rate?: number; bytes?: number; pathLength?: number };
}

/** Names and numbers of one peering; ages are milliseconds at the time of the answer. */
export interface PeerRecord {
  readonly node: string;
  readonly organization: string;
  readonly kind: PeerKind;
  readonly role: PeerRole;
  readonly owner: { readonly kind: string; readonly file?: string; readonly line?: number };
  readonly address?: string;
  readonly onLoss: OnLoss;
  readonly session: {
    readonly state: "idle" | "connecting" | "opening" | "syncing" | "synced" | "closing";
    readonly forMs?: number;
    readonly dialled?: boolean;
    /** What an idle one waits for. */
    readonly waits?: "retry" | "operator" | "down" | "peer";
    readonly retryInMs?: number;
    readonly flaps: number;
    /** Why the last session or attempt ended; the notice of the other side, where it sent one. */
    readonly last?: { readonly agoMs: number; readonly code?: number; readonly text: string };
  };
  /** Whether its Envoy answers. */
  readonly reach: Health;
  /** Never only "connected": how old what is known of it may be. */
  readonly freshness: {
    /** "none": it never told everything. */
    readonly state: "fresh" | "stale" | "long-stale" | "none";
    readonly endMarkAgoMs?: number;
    readonly digestAgoMs?: number;
    /** Frames it has sent and this node has not processed. */
    readonly lag: number;
    readonly oldestUnackedMs?: number;
    readonly digestRepairs: number;
  };
  readonly routes: {
    readonly received: number;
    readonly accepted: number;
    readonly best: number;
    readonly advertised: number;
    readonly rejected: number;
    readonly max: number;
  };
}

export interface RouteListArgs {
  table?: "internal" | "external" | "local";
  in?: string;
  out?: string;
  rejected?: boolean;
}

export interface RouteRecord {
  readonly name: string;
  readonly protocol: string;
  readonly table: "local" | "internal" | "external";
  /** "sent" of what a peer was told, "rejected" of what was dropped when it came. */
  readonly use: "best" | "alternate" | "spare" | "hidden" | "sent" | "rejected";
  readonly peer?: string;
  readonly origin: string;
  /** Nodes on the way, nearest first. */
  readonly path: readonly string[];
  readonly health: Health;
  readonly freshness: "fresh" | "stale" | "long-stale";
  readonly scope: Scope;
  /** Why it is not used. */
  readonly reason?: string;
}

export interface RouteExplanation extends Explained {
  readonly node: string;
  readonly at: number;
  /** To whom the best path is told, and what kept it from the others. */
  readonly told: readonly {
    readonly peer: string;
    readonly send: boolean;
    readonly reason: string;
    readonly rule?: string;
  }[];
  /** Verdicts name a rule by its id; this is where it stands: "imports[3], catalyst.json:12". */
  readonly rules: Readonly<Record<string, string>>;
  /** Peers whose session is down, for a name that nobody offers. */
  readonly away: readonly string[];
}
