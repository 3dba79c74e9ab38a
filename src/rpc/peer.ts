// The contract between two nodes: a door that anybody may knock at, and the session behind it, the same for both sides. The words
// themselves are data and belong to the session's state machine in `routing`; here are the methods that carry them. An
// unauthenticated caller can reach `PeerDoor.open` and nothing else. Follows docs/internals/session.md section 2.

import type { DigestAnswer, DigestMark, FrameHead, Notice, Open, Progress } from "#routing";

/** All an unauthenticated caller can reach. */
export interface PeerDoor {
  /** `back` is the caller's own end; it is used only after both identities hold. */
  open(open: Open, back: PeerSession): Promise<Opened>;
}

export type Opened =
  | { readonly ok: true; readonly open: Open; readonly session: PeerSession }
  | { readonly ok: false; readonly notice: Notice };

/** Symmetric. Every method validates its arguments at run time and answers within its deadline. */
export interface PeerSession {
  /** `head.seq` is exactly last + 1. Answered when the frame is in the route table. */
  frame(head: FrameHead, bytes: Uint8Array): Promise<Acknowledged>;
  /** Idle liveness is the transport's ping; this carries sequence numbers and clocks. */
  alive(progress: Progress): Promise<Progress>;
  /** In order with the frames: speaks of exactly `mark.seq`. */
  digest(mark: DigestMark): Promise<DigestAnswer>;
  /** Answered by begin ... end in the stream of frames. */
  refresh(buckets: readonly number[] | "all"): Promise<void>;
  /** Contents by hash (GraphQL contracts), 256 KiB a piece; the caller verifies. */
  blob(hash: string, offset: number): Promise<{ readonly bytes: Uint8Array; readonly size: number }>;
  keys(): Promise<JwkSet>;
  /** Last words; the sender closes after a second at most. */
  notify(notice: Notice): Promise<void>;
}

export interface Acknowledged {
  readonly acked: number;
  /** Frames that may wait for an acknowledgement, 1 to 32. */
  readonly credit: number;
}

/** Public keys, as RFC 7517 has them. */
export interface JwkSet {
  readonly keys: readonly { readonly [member: string]: unknown; readonly kid?: string }[];
}

/** Hard bounds of what a peer can say; a configured one may only be lower. */
export const PEER_LIMITS = {
  /** One frame after decoding: about 2.5 ms of CPU. */
  frameBytes: 256 * 1024,
  /** The same on the wire; nothing gets larger by encoding but for a few bytes. */
  encodedBytes: 257 * 1024,
  frameRoutes: 500,
  /** DNS names of nodes and organizations. */
  nameBytes: 253,
  keyBytes: 512,
  /** Nesting of a route; sums are made by recursion. */
  depth: 16,
  buckets: 256,
  blobPieceBytes: 256 * 1024,
  capabilities: 64,
  noticeBytes: 256,
  /** A signed withdrawal. */
  tombstoneBytes: 4 * 1024,
} as const;
