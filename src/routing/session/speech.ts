// What goes into and comes out of a node's `Speaker`. Inputs are what the driver observed, outputs what it is to do; both are data.
// `frame`, `compare`, `refresh` and `alive` are calls to the other side and stand in order with each other on one connection;
// `ack` and `compared` are the answers to the other side's calls.

import type { Millis } from "#kernel";
import type { Buckets } from "../digest.ts";
import type { Path } from "../path.ts";
import type { PeerIntent, Route } from "../route.ts";
import type { NodeName, OrgName, ServiceName } from "../service.ts";
import type { Told } from "./inbox.ts";
import type {
  DigestAnswer,
  DigestMark,
  Encoding,
  Frame,
  JsonValue,
  Notice,
  Open,
  Progress,
} from "./message.ts";
import type { Answer, Conn, Lost, Session, SessionOutput } from "./state.ts";

/** This node, as it introduces itself. */
export interface SpeakerSelf {
  readonly node: NodeName;
  readonly organization: OrgName;
  readonly incarnation: string;
  readonly versions: readonly [number, number];
  readonly encodings: readonly Encoding[];
  readonly capabilities: Readonly<Record<string, JsonValue>>;
}

/** A best path, and what peers under a policy are told of it. */
export interface Exported {
  readonly path: Path;
  readonly route: Route;
}

/** What peers are told, by export policy; the driver keeps it current by `advertise` and `withdraw`. */
export interface Exports {
  /** Equal for peers that are told the same. */
  policy(node: NodeName): string;
  /** All names there are, in any order; read on while they change. */
  keys(): Iterable<ServiceName>;
  /** What a peer under this policy is told of a name; undefined = nothing. */
  exported(policy: string, key: ServiceName): Exported | undefined;
  /** A path as such a peer is told of it, made once more when a frame is written; undefined = not any more. */
  route(policy: string, path: Path): Route | undefined;
}

export interface PeerReport {
  readonly session: Session;
  readonly routes: number;
  readonly nearLimit: boolean;
  readonly repairs: number;
  readonly lastEndAt: Millis | undefined;
  readonly lastSameAt: Millis | undefined;
  /** Routes it is told once it has read everything. */
  readonly advertised: number;
  readonly behind: number;
  readonly inFlight: number;
  readonly stale: "no" | "stale" | "long";
  /** When the session was lost whose routes are still kept. */
  readonly staleSince: Millis | undefined;
}

export type SpeakerInput = { readonly at: Millis; readonly random: number } & (
  | { readonly kind: "configure"; readonly intent: PeerIntent }
  | { readonly kind: "remove"; readonly node: NodeName; readonly reason: string }
  /** Without a node: all whose time has come. */
  | { readonly kind: "wake"; readonly node?: NodeName }
  /** The node stops: last words to all. */
  | { readonly kind: "drain"; readonly notice: Notice }
  | ({ readonly node: NodeName; readonly conn: Conn } & FromWire)
);

type FromWire =
  /** Socket and TLS of a dial are up. */
  | { readonly kind: "dialled" }
  | { readonly kind: "answered"; readonly answer: Answer }
  /** The connection's certificate is that of `node`. */
  | { readonly kind: "asked"; readonly theirs: Open }
  | ({ readonly kind: "closed" } & Lost)
  | { readonly kind: "said" }
  | { readonly kind: "noticed"; readonly notice: Notice }
  | { readonly kind: "heard" }
  | { readonly kind: "progress"; readonly progress: Progress }
  /** Undefined: it does not parse. */
  | { readonly kind: "frame"; readonly seq: number; readonly frame: Frame | undefined }
  | { readonly kind: "acked"; readonly seq: number; readonly credit: number }
  /** The other side asks for a comparison. */
  | { readonly kind: "compare"; readonly mark: DigestMark }
  | { readonly kind: "compared"; readonly answer: DigestAnswer }
  | { readonly kind: "refresh"; readonly buckets: Buckets }
  /** A limit that the driver keeps was passed. */
  | { readonly kind: "fail"; readonly notice: Notice };

/** What becomes of the routes a peer told. */
export type Routes = Told | { readonly kind: "stale" | "longStale" | "gone" };

export type SpeakerOutput = { readonly node: NodeName } & (
  | SessionOutput
  /** `frame` is the same object for all peers that get the same bytes. */
  | {
      readonly kind: "frame";
      readonly conn: Conn;
      readonly seq: number;
      readonly frame: Frame;
      readonly routes: number;
    }
  | { readonly kind: "ack"; readonly conn: Conn; readonly acked: number; readonly credit: number }
  | { readonly kind: "compare"; readonly conn: Conn; readonly mark: DigestMark }
  | { readonly kind: "compared"; readonly conn: Conn; readonly answer: DigestAnswer }
  | { readonly kind: "refresh"; readonly conn: Conn; readonly buckets: Buckets }
  /** For the loop. */
  | { readonly kind: "routes"; readonly told: Routes }
);
