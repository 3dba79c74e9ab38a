// What a session needs from the thing that carries its messages: a WebSocket or a pair of queues in one
// process. Both are driven by the same guard, so that `processes: "one"` and `"split"` keep the same limits
// and fail in the same ways.

import { CatalystError } from "./errors.ts";

/** A text, or bytes where the session allows them. */
export type Message = string | Uint8Array;

export interface Wire {
  /** "unix", "memory" or "host:port"; for logs and errors. */
  readonly remote: string;
  /** Bytes sent that the other side did not take yet. */
  readonly buffered: number;
  /** Called once, before anything arrives. */
  listen(events: WireEvents): void;
  send(message: Message): void;
  pause(): void;
  resume(): void;
  /** Asks for a sign of life; the answer comes as `alive`. */
  ping(): void;
  /**
   * Ends the wire at once with the reason; what was sent before is delivered if the other side still reads.
   */
  close(reason: CatalystError): void;
}

export interface WireEvents {
  message(message: Message): void;
  alive(): void;
  /** The last event. */
  closed(reason: CatalystError): void;
}

export const ended = (text: string, cause?: unknown): CatalystError =>
  new CatalystError("ERR_RPC_CLOSED", text, cause === undefined ? {} : { cause });
