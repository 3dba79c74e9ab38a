// Peers that prove nothing: `identity.mode: none`, for connectivity tests. Plain WebSockets, each end believed by the name it tells,
// in the upgrade request and again in first words. Only configured peers are let in, so that rules and roles are tried as they will
// be; but who can reach the port can be any of them. Reached from one place only (`peer-wire.ts`), where a node says that it
// asks nobody; no certificate is read here, and none is shown.

import type { NodeName } from "#routing";
import { notice } from "#routing";
import type { WirePeer } from "../link.ts";
import { dialByName } from "./dial-by-name.ts";
import type { DoorstepTerms } from "./doorstep.ts";
import type { Entrance, Meeting, Reached } from "./meeting.ts";
import { OpenGate } from "./open-gate.ts";
import type { Proof } from "./proof.ts";
import { OPEN_PROTOCOL } from "./unproven.ts";

export interface ByNameTerms extends DoorstepTerms {
  readonly node: NodeName;
}

interface Claimed {
  readonly peer: WirePeer;
}

export class ByName implements Meeting<Claimed> {
  readonly protocol = OPEN_PROTOCOL;
  readonly own = undefined;
  readonly #terms: ByNameTerms;
  readonly #peers = new Map<NodeName, Claimed>();

  constructor(terms: ByNameTerms) {
    this.#terms = terms;
  }

  peer(node: NodeName): Claimed | undefined {
    return this.#peers.get(node);
  }

  setPeer(peer: WirePeer): boolean {
    const before = this.#peers.get(peer.node)?.peer;
    this.#peers.set(peer.node, { peer });
    return before !== undefined && before.organization !== peer.organization;
  }

  removePeer(node: NodeName): void {
    this.#peers.delete(node);
  }

  setCertificate(): void {
    throw new Error("a node that proves nothing shows no certificate");
  }

  async dial({ peer }: Claimed, address: string, signal: AbortSignal): Promise<Reached> {
    const { node, clock } = this.#terms;
    return { session: await dialByName(node, peer.node, address, signal, clock), proof: claimOf(peer) };
  }

  entrance(): Entrance {
    const find = (node: NodeName): Proof | undefined => {
      const known = this.#peers.get(node);
      return known && claimOf(known.peer);
    };
    return new OpenGate(this.#terms, find);
  }
}

/** Nothing is proved; what must hold is that both words name the same node. */
const claimOf = (peer: WirePeer): Proof => ({
  peer,
  notAfter: undefined,
  wrong: ({ node, organization }) =>
    node === peer.node && organization === peer.organization
      ? undefined
      : notice("badPeer", `${node} of ${organization} is not ${peer.node} of ${peer.organization}`),
});
