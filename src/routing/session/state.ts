// The shapes of one peering's session: its state, what comes in, what goes out. Plain data; `session.ts` is the reducer over them.
// Follows docs/internals/session.md section 3. Invariant: every phase but a deliberate rest has a time at which it ends by itself
// (`deadline`).

import type { Millis } from "#kernel";
import type { PeerIntent } from "../route.ts";
import type { NodeName } from "../service.ts";
import type { Notice, Open, Progress } from "./message.ts";
import type { Agreed } from "./negotiate.ts";

/**
 * A connection: named by this side when it dials ("d1"), by the driver when it accepts. Unique for one peer only: a driver of many
 * sessions finds it by peer and name.
 */
export type Conn = string;

/** What an idle session waits for. "peer": it has no address, so only the other side can dial. */
export type Waits = "retry" | "operator" | "down" | "peer";

export interface Idle {
  readonly state: "idle";
  readonly waits: Waits;
  readonly retryAt?: Millis;
}

export interface Connecting {
  readonly state: "connecting";
  readonly conn: Conn;
  readonly until: Millis;
}

export interface Opening {
  readonly state: "opening";
  readonly conn: Conn;
  readonly until: Millis;
}

export interface Established {
  readonly state: "established";
  readonly conn: Conn;
  /** By this side. */
  readonly dialled: boolean;
  readonly agreed: Agreed;
  readonly theirs: Open;
  readonly since: Millis;
  /** My end mark was acknowledged; theirs was processed. Synced when both are. */
  readonly told: boolean;
  readonly heardAll: boolean;
  readonly syncedAt?: Millis;
  /** Last sign of life, and by when the next one must come. */
  readonly holdUntil: Millis;
  readonly spokeAt: Millis;
  readonly progressAt: Millis;
  readonly aliveAt: Millis;
  readonly sentSeq: number;
  readonly ackedSeq: number;
  readonly ackedAt: Millis;
  readonly receivedSeq: number;
  /** The other side's clock minus ours, for leases. */
  readonly clockOffsetMs: Millis;
}

export interface Closing {
  readonly state: "closing";
  readonly conn: Conn;
  readonly until: Millis;
  readonly next: Idle;
}

export type Phase = Idle | Connecting | Opening | Established | Closing;

export interface Session {
  readonly self: NodeName;
  readonly intent: PeerIntent;
  readonly phase: Phase;
  /** The node stops: nothing is dialled or accepted any more. */
  readonly draining: boolean;
  readonly dials: number;
  /** Attempts since the last session that held. */
  readonly failures: number;
  readonly authFailures: number;
  readonly lostSyncedAt?: Millis;
  /** Why the last session or attempt ended. */
  readonly last?: { readonly at: Millis; readonly code?: number; readonly text: string };
  readonly flaps: number;
}

export type Answer =
  | { readonly ok: true; readonly open: Open }
  | { readonly ok: false; readonly notice: Notice };

/** A connection that ended, or a dial that failed, without last words. */
export interface Lost {
  readonly text: string;
  /** A certificate was refused. */
  readonly auth?: boolean;
  /** Of the notice that says it, where the connection itself told the reason. */
  readonly code?: number;
}

/** `random` in [0, 1) is drawn by the driver: the reducer has none of its own. */
export type SessionInput = { readonly at: Millis; readonly random: number } & (
  | { readonly kind: "configure"; readonly intent: PeerIntent }
  | { readonly kind: "wake" }
  /** Socket and TLS of our dial are up. */
  | { readonly kind: "dialled"; readonly conn: Conn; readonly mine: Open }
  | { readonly kind: "answered"; readonly conn: Conn; readonly mine: Open; readonly answer: Answer }
  /** The other side dialled and said its first words; its certificate names the node that `theirs` names. */
  | { readonly kind: "asked"; readonly conn: Conn; readonly mine: Open; readonly theirs: Open }
  /** The connection ended, or a dial failed. */
  | ({ readonly kind: "closed"; readonly conn: Conn } & Lost)
  /** Our last words were delivered. */
  | { readonly kind: "said"; readonly conn: Conn }
  | { readonly kind: "noticed"; readonly conn: Conn; readonly notice: Notice }
  | { readonly kind: "heard"; readonly conn: Conn }
  | { readonly kind: "progress"; readonly conn: Conn; readonly progress: Progress }
  | { readonly kind: "received"; readonly conn: Conn; readonly seq: number }
  | { readonly kind: "sent"; readonly conn: Conn; readonly seq: number }
  | { readonly kind: "acked"; readonly conn: Conn; readonly seq: number }
  /** My end mark is acknowledged ("out"), theirs is processed ("in"). */
  | { readonly kind: "done"; readonly conn: Conn; readonly side: "in" | "out" }
  | { readonly kind: "fail"; readonly conn: Conn; readonly notice: Notice }
  | { readonly kind: "drain"; readonly notice: Notice }
);

/**
 * What becomes of the routes of a peer whose session ended: "lost" = as its `onLoss` says, "gone" = at once, because one side's
 * operator took the peering down; "kept" = a new session follows in the same breath.
 */
export type Fate = "lost" | "gone" | "kept";

export type SessionOutput =
  | { readonly kind: "dial"; readonly conn: Conn; readonly address: string }
  | { readonly kind: "open"; readonly conn: Conn; readonly open: Open }
  /** A refusal ends its connection once it is delivered. */
  | { readonly kind: "answer"; readonly conn: Conn; readonly answer: Answer }
  /** Transport ping; its answer is `heard`. */
  | { readonly kind: "ping"; readonly conn: Conn }
  | { readonly kind: "alive"; readonly conn: Conn; readonly progress: Progress }
  | { readonly kind: "notify"; readonly conn: Conn; readonly notice: Notice }
  /** With a notice: say it first, wait at most `TIMERS.closeMs`. */
  | { readonly kind: "close"; readonly conn: Conn; readonly notice?: Notice }
  | { readonly kind: "up"; readonly conn: Conn; readonly agreed: Agreed; readonly theirs: Open }
  | { readonly kind: "synced"; readonly conn: Conn }
  /** There is no session, and what the peer told before does not hold any more: an operator took the peering down. */
  | { readonly kind: "gone"; readonly text: string }
  | {
      readonly kind: "down";
      readonly conn: Conn;
      readonly fate: Fate;
      readonly restartMs?: Millis;
      readonly text: string;
    };

export interface Stepped {
  readonly session: Session;
  readonly outputs: readonly SessionOutput[];
}
