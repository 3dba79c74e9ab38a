// Every hard bound on what the other end of an RPC session can make this process hold or do. A session that
// passes one ends alone, with ERR_RPC_PROTOCOL; nobody else notices. The receiver decides by itself, nothing
// is negotiated. A configured bound may only be lower for strangers; sessions between a node's own parts may
// carry more (a whole graph in one message). Measured reasons stand in the reference on peering, section 11.

export interface RpcLimits {
  /** One message, in UTF-8 bytes, in either direction. */
  readonly messageBytes: number;
  /** Nesting of values in a message. */
  readonly depth: number;
  /**
   * Values in a message: parsed JSON takes up to 30 times the bytes of its text, so bytes alone are no bound.
   */
  readonly values: number;
  /** Digits of one big integer: parsing takes quadratic time. */
  readonly bigintDigits: number;
  /** References to remote objects in one message. No contract passes more than two. */
  readonly references: number;
  /**
   * Calls of the other side that it did not release, and references it gave that are still held: 2 KB each.
   */
  readonly outstanding: number;
  /** Received messages that wait for their turn before the socket is paused. */
  readonly waiting: number;
  /** Bytes sent that the other side did not take: a stopped receiver never errors by itself. */
  readonly bufferedBytes: number;
  /** Callbacks (watchers) held for the other side. */
  readonly callbacks: number;
  /** Calls of one callback without an answer. */
  readonly callbackBacklog: number;
}

export const DEFAULT_RPC_LIMITS: RpcLimits = {
  messageBytes: 4 * 1024 * 1024,
  depth: 64,
  values: 500_000,
  bigintDigits: 1_024,
  references: 16,
  outstanding: 4_096,
  waiting: 64,
  bufferedBytes: 16 * 1024 * 1024,
  callbacks: 64,
  callbackBacklog: 256,
};

/** For `gateway.sock`: the graph of a node is one message, the SDL of each service within it. */
export const OWN_PARTS_RPC_LIMITS: RpcLimits = {
  ...DEFAULT_RPC_LIMITS,
  messageBytes: 128 * 1024 * 1024,
  values: 5_000_000,
  bufferedBytes: 256 * 1024 * 1024,
};
