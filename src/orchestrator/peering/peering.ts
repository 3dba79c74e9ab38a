// What the rest of the node may know and ask of its peerings: the door of this folder for admin verbs, status and the data plane.
// Behind it stand the book (which peers and rules there are, and who owns each) and the driver of the sessions. What a
// configuration file owns is changed in the file: every change refuses that with ERR_OWNED_BY_CONFIG and the line.
// All promises of a change resolve when it is on disk and in the state.

import type { PeerConfig } from "#config";
import type { Hash, LimitState, NodeName, Owner, PeerIntent, PeerReport, Rule, Self } from "#routing";
import type { Exports } from "./exports.ts";

export type RuleList = "imports" | "exports";

/** A peer with what its session is at. */
export interface PeerState {
  readonly intent: PeerIntent;
  readonly owner: Owner;
  readonly report: PeerReport | undefined;
  /** Near a limit, or over it. */
  readonly limit: LimitState | undefined;
  /** host:port of the other end, while there is a connection. */
  readonly remote: string | undefined;
  /** When the certificate of either side ends, milliseconds since 1970. */
  readonly certificateEnds: number | undefined;
}

export interface RuleState {
  /** As verdicts and decisions name it. */
  readonly id: string;
  readonly rule: Rule;
  readonly owner: Owner;
  /** From 0 in the whole list; the file's come first. */
  readonly at: number;
}

export interface PeeringStatus {
  /** Where sessions are accepted, "host:port"; undefined = this node dials only. */
  readonly listens: string | undefined;
  /** Connections prove who they are; false only with `identity.mode: none`. */
  readonly proven: boolean;
  readonly peers: number;
  readonly established: number;
  readonly synced: number;
  /** What keeps peering from working, each with what to do. */
  readonly problems: readonly { readonly text: string; readonly hint: string }[];
}

export interface Peering {
  readonly self: Self;
  /** What each peer is told, and why. */
  readonly exports: Exports;
  status(): PeeringStatus;
  /** In order of name. */
  peers(): readonly PeerState[];
  peer(node: NodeName): PeerState | undefined;
  /** `trust`: PEM, for a peer of another organization. An equal one is no change. */
  add(peer: PeerConfig, trust?: string): Promise<PeerState>;
  /** Resolves with the revision that knows it no more. */
  remove(node: NodeName): Promise<number>;
  up(node: NodeName): Promise<PeerState>;
  down(node: NodeName, reason: string): Promise<PeerState>;
  /** Asks the peer to tell everything again. Throws when there is no session. */
  refresh(node: NodeName): Promise<PeerState>;
  rules(list: RuleList): readonly RuleState[];
  /** At the end, or before the rule of that id; a rule of the file can stand before none of the API's, so it may not be named. */
  addRule(list: RuleList, rule: Rule, before?: string): Promise<RuleState>;
  removeRule(list: RuleList, id: string): Promise<RuleState>;
  /** A content that a peer told of by hash (GraphQL SDL), verified; at most 2 MiB. */
  fetchBlob(node: NodeName, hash: Hash): Promise<string>;
}
