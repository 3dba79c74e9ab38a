// Every bound of the peering port, with its reason. The receiver decides alone, nothing is negotiated.

import type { RpcLimits } from "#rpc";

/** WebSocket subprotocol, and ALPN of the TLS connection. */
export const PEER_PROTOCOL = "catalyst.peer.1";

export const WIRE = {
  /** Connections of one address that did not prove who they are: a handshake costs us 5 ms. */
  strangersPerAddress: 32,
  strangers: 512,
  /** From the accepted connection to the upgraded one, through TLS and the request's head: against senders of one byte a second. */
  acceptMs: 10_000,
  /** Connections of one peer: each side may dial, and a newer incarnation comes while the old one is not yet noticed. */
  linksPerPeer: 8,
  /** From the upgrade to the first words (docs/internals/identity.md section 16). */
  openMs: 5_000,
  /** Until this node said yes or no. */
  answerMs: 10_000,
  /** From the dial to the upgrade. */
  dialMs: 10_000,
  /** A call that is answered at once. */
  callMs: 10_000,
  /** A frame waits for its commit; send-hold ends the session long before. */
  frameMs: 120_000,
  /** Last words get at most this long. */
  closeMs: 1_000,
  /** Refusals logged in detail each minute; the rest is counted. */
  refusalsLogged: 20,
  /** Messages of one link, three for each call: a window of frames is answered faster by no commit. */
  messagesPerSecond: 10_000,
  messagesBurst: 6_000,
} as const;

/** Frames have at most 257 KiB, so 1 MiB is enough before and after the first words. */
export const PEER_RPC_LIMITS: Partial<RpcLimits> = {
  messageBytes: 1024 * 1024,
  values: 50_000,
  references: 2,
  /** A window is 32 frames at most. */
  outstanding: 512,
  /** A whole window of the largest frames, and what is said beside them. */
  bufferedBytes: 9 * 1024 * 1024,
  callbacks: 0,
};
