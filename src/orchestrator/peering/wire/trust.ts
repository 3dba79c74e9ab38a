// Whom this node believes: the peers with their bundles, its own certificate, and the TLS contexts made of both. On the serving
// side there is one context for each organization, chosen by server name, and no other: a pool of CAs would let one organization
// speak for another (docs/internals/identity.md section 11). Contexts are made when first used and thrown away when anything they
// hold changes; the connections they made stay, whoever must end them does that by peer. Invariant: no context issues tickets, so
// that each connection proves identity anew under the trust of its moment.

import { constants, X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import type { NodeName, OrgName } from "#routing";
import type { WirePeer } from "../link.ts";
import { certificatesOf, nodeOf, serverName } from "./identity.ts";

export interface KnownPeer {
  readonly peer: WirePeer;
  readonly roots: readonly X509Certificate[];
}

interface Own {
  readonly certificate: string;
  readonly key: string;
  readonly notAfter: number;
  /** Intermediates, for first words. */
  readonly chain: readonly string[];
}

export const TLS_TERMS = {
  minVersion: "TLSv1.3",
  maxVersion: "TLSv1.3",
  secureOptions: constants.SSL_OP_NO_TICKET,
} as const;

export class Trust {
  readonly #node: NodeName;
  readonly #peers = new Map<NodeName, KnownPeer>();
  readonly #serving = new Map<OrgName, SecureContext>();
  #own: Own | undefined;

  constructor(node: NodeName) {
    this.#node = node;
  }

  get own(): Own | undefined {
    return this.#own;
  }

  peer(node: NodeName): KnownPeer | undefined {
    return this.#peers.get(node);
  }

  /** True when the peer was known with another trust or as another organization's. */
  setPeer(peer: WirePeer): boolean {
    const roots = certificatesOf(peer.trust);
    if (roots.length === 0) throw new Error(`the trust of ${peer.node} holds no certificate`);
    const before = this.#peers.get(peer.node)?.peer;
    this.#peers.set(peer.node, { peer, roots });
    if (before?.trust === peer.trust && before.organization === peer.organization) return false;
    this.#serving.delete(peer.organization);
    if (before !== undefined) this.#serving.delete(before.organization);
    return before !== undefined;
  }

  removePeer(node: NodeName): void {
    const known = this.#peers.get(node);
    if (known === undefined) return;
    this.#peers.delete(node);
    this.#serving.delete(known.peer.organization);
  }

  /** Throws when certificate and key do not fit, or are not this node's. */
  setCertificate({ certificate, key }: { readonly certificate: string; readonly key: string }): void {
    createSecureContext({ ...TLS_TERMS, cert: certificate, key });
    const [leaf, ...intermediates] = certificatesOf(certificate);
    if (leaf === undefined || nodeOf(leaf) !== this.#node) {
      throw new Error(`the certificate is not that of ${this.#node}`);
    }
    const chain = intermediates.map((one) => one.toString());
    this.#own = { certificate, key, notAfter: Date.parse(leaf.validTo), chain };
    this.#serving.clear();
  }

  /** By the name that a caller asks for; undefined when no organization of that name has a peer here. */
  serving(name: string): SecureContext | undefined {
    const end = name.length - serverName("", this.#node).length;
    const organization = name.slice(0, Math.max(0, end));
    if (serverName(organization, this.#node) !== name || this.#own === undefined) return undefined;
    const held = this.#serving.get(organization);
    if (held !== undefined) return held;
    const bundles = [...this.#peers.values()].filter(({ peer }) => peer.organization === organization);
    if (bundles.length === 0) return undefined;
    const made = context(this.#own, [...new Set(bundles.map(({ peer }) => peer.trust))]);
    this.#serving.set(organization, made);
    return made;
  }

  /** For a dial; undefined without an own certificate. */
  dialling({ peer }: KnownPeer): SecureContext | undefined {
    return this.#own === undefined ? undefined : context(this.#own, [peer.trust]);
  }
}

const context = ({ certificate, key }: Own, ca: string[]): SecureContext =>
  createSecureContext({ ...TLS_TERMS, cert: certificate, key, ca });
