// How the two ends of a connection come to know who is who: by certificate (`by-certificate.ts`), or by the name that each tells
// (`by-name.ts`, `identity.mode: none`). A wire has one way for its whole life, chosen where the node starts; the two speak other
// protocols on their connections, so that neither can be taken for the other.

import type { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Session } from "#rpc";
import type { NodeName } from "#routing";
import type { PeerWire, WirePeer } from "../link.ts";
import type { Proof } from "./proof.ts";

export interface Reached {
  readonly session: Session;
  readonly proof: Proof;
}

/** The peering port: lets in who may be a peer, before anything of a session is heard. */
export interface Entrance {
  /** Emits the upgrade requests of those that were let in. */
  readonly http: Pick<EventEmitter, "on" | "off">;
  listen(at: { readonly host: string; readonly port: number }): Promise<number>;
  close(): Promise<void>;
  /** Who sent this request; undefined: nobody that may. */
  proofOf(request: IncomingMessage): Proof | undefined;
  /** Its connection is a link now, with limits of its own. */
  entered(request: IncomingMessage): void;
}

export interface Meeting<Known extends { readonly peer: WirePeer } = { readonly peer: WirePeer }> {
  /** WebSocket subprotocol. */
  readonly protocol: string;
  /** What this node shows of itself. */
  readonly own: { readonly notAfter: number; readonly chain: readonly string[] } | undefined;
  /** True when its links were made under other terms and must end. */
  setPeer(peer: WirePeer): boolean;
  removePeer(node: NodeName): void;
  setCertificate(own: Parameters<PeerWire["setCertificate"]>[0]): void;
  /** Another object after each change. */
  peer(node: NodeName): Known | undefined;
  /** Fails with `WireError`. */
  dial(known: Known, address: string, signal: AbortSignal): Promise<Reached>;
  entrance(): Entrance;
}
