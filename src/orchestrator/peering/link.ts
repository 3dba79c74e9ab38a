// The seam between the wire and the driver of sessions: connections whose other end is proved by its certificate (or, where a whole
// node asks nobody for proof, believed by the name it tells: `identity.mode: none`), the calls that can be made on them, and what
// the other side calls here. The wire knows sockets, TLS and limits, and no session state; the driver knows sessions and no
// socket. So the same driver runs over real sockets and over pairs in memory.
// Invariant: a link exists only for a peer that is configured, and `node` is what its certificate says.

import type { Acknowledged, JwkSet } from "#rpc";
import type {
  Answer,
  Buckets,
  DigestAnswer,
  DigestMark,
  FrameHead,
  NodeName,
  Notice,
  NoticeName,
  Open,
  OrgName,
  Progress,
} from "#routing";

/** One connection, from this side. Every call ends within its deadline; a call on an ended link fails. */
export interface PeerLink {
  readonly node: NodeName;
  /** "host:port" of the other end. */
  readonly remote: string;
  /**
   * When the other side's certificate ends, or ours, whichever is first; milliseconds since 1970. Undefined: neither showed one, and
   * `node` is a mere claim.
   */
  readonly notAfter: number | undefined;
  frame(head: FrameHead, bytes: Uint8Array): Promise<Acknowledged>;
  alive(progress: Progress): Promise<Progress>;
  digest(mark: DigestMark): Promise<DigestAnswer>;
  refresh(buckets: Buckets): Promise<void>;
  /** A piece of a content by hash. */
  blob(hash: string, offset: number): Promise<{ readonly bytes: Uint8Array; readonly size: number }>;
  notify(notice: Notice): Promise<void>;
  /** Transport ping; the answer, like any message, is `LinkHandler.heard`. */
  ping(): void;
  /** Ends the connection now. `LinkHandler.closed` is called for this end too, once. */
  close(text: string): void;
}

/** A link this side dialled: first words are still to be said. */
export interface DialledLink extends PeerLink {
  /** Once, before all other calls. A refusal leaves the link without a session; the caller closes it. */
  open(open: Open): Promise<Answer>;
}

/** What the other side calls on one link, checked by schema before. In the order of arrival; nothing comes after `closed`. */
export interface LinkHandler {
  /** Resolves when what the frame says is committed. */
  frame(head: FrameHead, bytes: Uint8Array): Promise<Acknowledged>;
  alive(progress: Progress): Progress;
  digest(mark: DigestMark): Promise<DigestAnswer>;
  refresh(buckets: Buckets): void;
  blob(hash: string, offset: number): Promise<{ readonly bytes: Uint8Array; readonly size: number }>;
  keys(): Promise<JwkSet>;
  notify(notice: Notice): void;
  /** Some sign of life: a message, or the answer to a ping. */
  heard(): void;
  closed(text: string): void;
}

/** The other side dialled and said its first words; `theirs.node` is its certified name. */
export interface Knock {
  readonly link: PeerLink;
  readonly theirs: Open;
  /** Said once. After a yes the other side may call; after a no the wire ends the link once it is delivered. */
  answer(answer: Answer): void;
}

/** A peer as the wire needs it. */
export interface WirePeer {
  readonly node: NodeName;
  readonly organization: OrgName;
  /** PEM: certificates of authority that are believed for exactly this organization. Undefined only where nobody proves anything. */
  readonly trust: string | undefined;
  readonly external: boolean;
}

export interface PeerWire {
  /** Adds a peer, or changes its trust: for connections from then on. Throws when the trust holds no certificate. */
  setPeer(peer: WirePeer): void;
  /** Ends its links. */
  removePeer(node: NodeName): void;
  /** Own certificate and key, PEM; also a renewed one, for connections from then on. Throws when they do not fit. */
  setCertificate(own: { readonly certificate: string; readonly key: string }): void;
  /** `address` is "host:port". Fails with `WireError`. */
  dial(node: NodeName, address: string, handler: LinkHandler, signal: AbortSignal): Promise<DialledLink>;
  /** Accepts peers; `knock` returns the handler of the link at once. Resolves with the port that was taken. */
  listen(
    at: { readonly host: string; readonly port: number },
    knock: (knock: Knock) => LinkHandler,
  ): Promise<{ readonly port: number }>;
  close(): Promise<void>;
}

interface WireErrorOptions {
  readonly auth: boolean;
  readonly notice?: NoticeName;
  readonly cause?: unknown;
}

/** Why there is no link. */
export class WireError extends Error {
  /** The identity of one side was refused: trying again will not help. */
  readonly auth: boolean;
  /** The notice that says it, where it is one that only a person can end. */
  readonly notice: NoticeName | undefined;

  constructor(message: string, { auth, notice, cause }: WireErrorOptions) {
    super(message, { cause });
    this.name = "WireError";
    this.auth = auth;
    this.notice = notice;
  }
}
