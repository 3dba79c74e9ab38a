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
  /** PEM of its trust, which holds at least one certificate. */
  readonly bundle: string;
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
    // Without trust there is nothing to prove it by: it is no peer here, never one that is believed.
    const { trust: bundle = "" } = peer;
    const roots = certificatesOf(bundle);
    if (roots.length === 0) throw new Error(`the trust of ${peer.node} holds no certificate`);
    const before = this.#peers.get(peer.node)?.peer;
    this.#peers.set(peer.node, { peer, bundle, roots });
    if (before?.trust === bundle && before.organization === peer.organization) return false;
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
    const bundles = new Set<string>();
    for (const { peer, bundle } of this.#peers.values())
      if (peer.organization === organization) bundles.add(bundle);
    if (bundles.size === 0) return undefined;
    const made = context(this.#own, [...bundles]);
    this.#serving.set(organization, made);
    return made;
  }

  /** For a dial; undefined without an own certificate. */
  dialling({ bundle }: KnownPeer): SecureContext | undefined {
    return this.#own === undefined ? undefined : context(this.#own, [bundle]);
  }
}

const context = ({ certificate, key }: Own, ca: string[]): SecureContext =>
  createSecureContext({ ...TLS_TERMS, cert: certificate, key, ca });
