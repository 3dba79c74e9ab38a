// What callers of this room hold in their hands. Types only, so that naming a session loads neither capnweb
// nor a socket.

import type { Clock, Log } from "#kernel";
import type { CatalystError } from "./errors.ts";
import type { Exposed } from "./expose.ts";
import type { RpcLimits } from "./limits.ts";

export interface Session<T extends object = object> {
  /** The other side's main object. Each call ends within the deadline and fails with a CatalystError. */
  readonly stub: T;
  /** The same with another deadline, for the few calls that may take longer. */
  within(deadlineMs: number): T;
  /** "unix", "memory" or "host:port". */
  readonly remote: string;
  /** Aborts when the session ends; for what an implementation does on behalf of the other side. */
  readonly signal: AbortSignal;
  /** Resolves with the reason when the session ends; never rejects. */
  readonly closed: Promise<CatalystError>;
  close(reason?: string): void;
  /** Asks for a sign of life. */
  ping(): void;
  /** Calls `listener` at each sign of life: a message, a ping, the answer to one. One listener. */
  onHeard(listener: () => void): void;
  /** An object to be passed to the other side, by reference, as an argument or in a result. */
  lend(exposed: Exposed): object;
  /**
   * What the other side passed by reference, to be called. Taken from an argument it is to be taken before the call returns.
   * Disposing lets go of it on both ends; so does the end of the session.
   */
  borrow<B extends object>(reference: unknown): Borrowed<B>;
  stats(): SessionStats;
}

export interface Borrowed<B extends object> extends Disposable {
  readonly stub: B;
  within(deadlineMs: number): B;
}

export interface SessionStats {
  /** Entries of capnweb's tables; 1 each at rest. */
  readonly imports: number;
  readonly exports: number;
  /** Calls of the other side that it did not release yet. */
  readonly pushes: number;
  /** References of the other side that are held here. */
  readonly references: number;
  readonly waiting: number;
  readonly callbacks: number;
  /** Messages. */
  readonly sent: number;
  readonly received: number;
}

export interface SessionOptions {
  readonly limits?: Partial<RpcLimits>;
  /** Of each call; default 10 s. */
  readonly deadlineMs?: number;
  /**
   * Silence until a sign of life is asked for, default 5 s; after three more of it the session ends. 0 =
   * never.
   */
  readonly keepaliveMs?: number;
  /** Byte arrays travel as they are, in binary messages; both ends must want it. Default no: as base64. */
  readonly bytes?: boolean;
  readonly clock?: Clock;
  readonly log?: Log;
}
