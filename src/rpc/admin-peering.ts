// The part of the admin contract about other nodes: peers, routes and the rules between them. Explanations and differences are the
// routing room's own plain data; what concerns a session is said in the words of an operator. A rule goes both ways in the form
// in which the configuration has it, so that it can be copied into a file.

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
  "import.list": { args: Record<never, never>; result: readonly RuleRecord[] };
  "import.add": { args: RuleAdd; result: RuleRecord };
  "import.remove": { args: { id: string }; result: RuleRecord };
  /** Which rule decides what of which peer; nothing is changed. */
  "import.test": { args: RuleTestArgs; result: readonly RuleTest[] };
  "export.list": { args: Record<never, never>; result: readonly RuleRecord[] };
  "export.add": { args: RuleAdd; result: RuleRecord };
  "export.remove": { args: { id: string }; result: RuleRecord };
  "export.test": { args: RuleTestArgs; result: readonly RuleTest[] };
  /** Tells peers of an own service: of one organization, or all direct ones. */
  "service.export": { args: { name: string; to?: string }; result: ServiceExport };
  "service.unexport": { args: { name: string; to?: string }; result: ServiceExport };
}

export interface PeerAdd {
  node: string;
  address?: string;
  kind?: PeerKind;
  role?: PeerRole;
  /** PEM: the file is the client's, not the node's. */
  trust?: string;
  onLoss?: OnLoss;
  /** "9s" */
  hold?: string;
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
    /** Frames told to it that it has not confirmed, and since when it confirmed none. */
    readonly lag: number;
    readonly oldestUnackedMs?: number;
    /** Changes that wait to be told to it. */
    readonly behind: number;
    readonly digestRepairs: number;
  };
  /** When the certificate of either side ends; milliseconds since 1970. */
  readonly certificateEnds?: number;
  /** It is believed by the name it tells: `identity.mode` none, for connectivity tests. */
  readonly unproven?: true;
  readonly routes: {
    readonly received: number;
    /** In use, as the best path or one of the three behind it. */
    readonly accepted: number;
    readonly best: number;
    readonly advertised: number;
    /** Dropped when they came; the last ones are kept. */
    readonly rejected: number;
    readonly max: number;
    /** Near one of its limits, or over it: "812 of 1000 routes". */
    readonly limit?: { readonly state: "near" | "over"; readonly text: string };
  };
}

export interface RouteListArgs {
  table?: "internal" | "external" | "local";
  /** What this peer told. */
  in?: string;
  /** What this peer is told. */
  out?: string;
  /** What is not used, and why: hidden by a rule, or dropped when it came. */
  rejected?: boolean;
  limit?: number;
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
  /** It is reached, but does not stand in the graph. */
  readonly leftOut?: { readonly code: string; readonly text: string };
}

export interface RuleAdd {
  /** As the configuration has it. */
  rule: unknown;
  /** Id of the rule before which it comes; absent = behind all. */
  before?: string;
}

export interface RuleRecord {
  /** Made of its content; how verdicts name it. */
  readonly id: string;
  /** Rules are asked in this order, from 1; the first that matches decides. */
  readonly place: number;
  readonly owner: { readonly kind: string; readonly file?: string; readonly line?: number };
  /** As the configuration has it. */
  readonly rule: RuleForm;
  /** What it decides now: routes received, or names times peers. */
  readonly routes: number;
}

/** A rule in the form of the configuration; `to` is the organization an export rule speaks of. */
export interface RuleForm {
  readonly peer?: string;
  readonly to?: string;
  readonly match?: Readonly<Record<string, string>>;
  readonly action: "accept" | "reject";
  readonly set?: Readonly<Record<string, unknown>>;
  readonly graph?: { readonly prefix?: string; readonly shared?: readonly string[] };
  readonly unsafe?: boolean;
}

export interface RuleTestArgs {
  /** Full or short name; absent = all. */
  name?: string;
  peer?: string;
  limit?: number;
}

export interface RuleTest {
  readonly name: string;
  readonly peer: string;
  readonly accept: boolean;
  /** Reason code of the verdict. */
  readonly reason: string;
  /** Id of the rule that decided; absent = the default or a role did. */
  readonly rule?: string;
  /** Where that rule stands: "imports[3], catalyst.json:12". */
  readonly at?: string;
  /** The peer tells it now; else it is judged as if it did. */
  readonly told: boolean;
}

export interface ServiceExport {
  readonly name: string;
  readonly told: RouteExplanation["told"];
  readonly rules: RouteExplanation["rules"];
  readonly revision: number;
}

/** Peers in a picture of the node. */
export interface PeeringStatus {
  readonly peers: number;
  readonly synced: number;
  /** Peers whose data is not fresh, though there is some. */
  readonly stale: number;
  /** Where sessions are accepted, "host:port"; absent = this node dials. */
  readonly listens?: string;
  /** How a node proves to another one's Envoy that it may call: its certificate, or not at all (`identity.mode` none). */
  readonly between: "certificate" | "none";
  /** Those in trouble first, at most 50. */
  readonly shown: readonly PeerRecord[];
}
