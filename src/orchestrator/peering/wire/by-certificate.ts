// Peers that prove who they are: mutual TLS 1.3, each judged under its own organization's bundle. The way of every node but one that
// was started with `identity.mode: none`.

import type { NodeName, OrgName } from "#routing";
import { dialPeer } from "./dial.ts";
import type { DoorstepTerms } from "./doorstep.ts";
import { Gate } from "./gate.ts";
import type { Entrance, Meeting, Reached } from "./meeting.ts";
import { PEER_PROTOCOL } from "./terms.ts";
import { type KnownPeer, Trust } from "./trust.ts";

export interface ByCertificateTerms extends DoorstepTerms {
  readonly node: NodeName;
  readonly organization: OrgName;
}

export class ByCertificate extends Trust implements Meeting<KnownPeer> {
  readonly protocol = PEER_PROTOCOL;
  readonly #terms: ByCertificateTerms;

  constructor(terms: ByCertificateTerms) {
    super(terms.node);
    this.#terms = terms;
  }

  dial(known: KnownPeer, address: string, signal: AbortSignal): Promise<Reached> {
    const { organization, clock } = this.#terms;
    return dialPeer(known, address, signal, { organization, trust: this, clock });
  }

  entrance(): Entrance {
    return new Gate({ ...this.#terms, trust: this });
  }
}
