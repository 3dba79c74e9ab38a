// What two nodes say to each other in a session, as data: the first words, frames of routes, progress, last words.
// `src/rpc/peer.ts` gives these the methods that carry them, the reducers of this folder give them their meaning. Everything is
// plain JSON. Follows docs/internals/session.md sections 4 and 5. Unknown members are ignored by the receiver, so a newer version
// may add some.

import type { Millis } from "#kernel";
import type { PeerLimits, PeerRole, Route, RouteVersion } from "../route.ts";
import type { NodeName, OrgName, ServiceName } from "../service.ts";

export type Encoding = "zstd" | "deflate" | "identity";

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** What I still hold of your routes: go on after `lastSeq` if you still know that epoch. */
export interface Resume {
  /** The epoch that the teller named in its own `open`. */
  readonly epoch: string;
  readonly lastSeq: number;
  /** How long the held routes are kept while the session is away. */
  readonly restartMs: Millis;
}

/** First words of both sides. */
export interface Open {
  readonly versions: readonly [lowest: number, highest: number];
  readonly node: NodeName;
  readonly organization: OrgName;
  /** New at each start of the process. */
  readonly incarnation: string;
  /** What the other side is for me. */
  readonly role: PeerRole;
  readonly holdMs: Millis;
  readonly sendHoldMs: Millis;
  readonly encodings: readonly Encoding[];
  /** Names what I tell you from now on, for a later `resume`; without it nothing can be resumed. */
  readonly epoch?: string;
  readonly resume?: Resume;
  readonly limits: PeerLimits;
  readonly capabilities: Readonly<Record<string, JsonValue>>;
  /** I started and may not know everything yet: do not wait for my end mark with yours. */
  readonly starting?: boolean;
  /** Own intermediate certificates: TLS loses them where a proxy ends it. */
  readonly chain?: readonly string[];
  /** Proof of identity (JWT) where a proxy ends the mTLS. */
  readonly proof?: string;
}

/** Travels beside the bytes of a frame, which are refused before decoding when it is over a limit. */
export interface FrameHead {
  /** Exactly the last one + 1. */
  readonly seq: number;
  readonly encoding: Encoding;
  readonly rawBytes: number;
  readonly routes: number;
}

export interface Progress {
  readonly sentSeq: number;
  readonly receivedSeq: number;
  readonly clockMs: Millis;
}

/** `tombstone`: the origin itself took it back, which kills every older path at once; signed across organizations. */
export interface Withdraw {
  readonly key: ServiceName;
  readonly version: RouteVersion;
  readonly tombstone?: string | true;
}

export type Frame = BeginFrame | UpdateFrame | EndFrame;

/** All routes, or those of some buckets, follow. */
export interface BeginFrame {
  readonly kind: "begin";
  readonly generation: number;
  readonly buckets: readonly number[] | "all";
}

export interface UpdateFrame {
  readonly kind: "update";
  readonly withdraw: readonly Withdraw[];
  /** To the receiver a claim until it is parsed: only that it has a key is sure. */
  readonly advertise: readonly Route[];
  /** Never on the wire: what the receiver's check left out of `advertise`. */
  readonly rejected?: readonly Rejected[];
}

/** Something that was told as a route and has not even a name. */
export interface Rejected {
  readonly reason: string;
}

/** What was not told since the begin mark is no longer so; count and digest speak of the begin mark's buckets. */
export interface EndFrame {
  readonly kind: "end";
  readonly generation: number;
  readonly count: number;
  readonly digest: string;
}

/** The sum of what was told, spoken at exactly `seq`. */
export interface DigestMark {
  readonly seq: number;
  readonly buckets: readonly string[];
}

export type DigestAnswer = { readonly same: true } | { readonly differ: readonly number[] };

/** Last words. */
export interface Notice {
  readonly code: number;
  readonly sub?: number;
  /** At most 256 bytes, never a secret, always shown to the operator. */
  readonly text: string;
  /** When to come back (draining). */
  readonly afterMs?: Millis;
  /** How long to keep the sender's routes meanwhile. */
  readonly restartMs?: Millis;
}
