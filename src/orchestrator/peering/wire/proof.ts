// What a TLS connection proves about its other end, the same from both sides, and what the first words must then say. Both ends take
// every handshake that completes and judge it here, in one place, so that the refused side can be told so by a status instead of
// a reset. Nothing of a connection is read before it was judged.
// Invariant: who has a `Proof` showed, in this very handshake, a certificate of that peer under that peer's own bundle.

import { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { type NodeName, type Notice, notice, type Open } from "#routing";
import type { WirePeer } from "../link.ts";
import { certificatesOf, leadsTo, nodeOf, signedBy } from "./identity.ts";
import type { KnownPeer } from "./trust.ts";

export interface Proof {
  readonly peer: WirePeer;
  /** When the certificate ends; undefined: none was asked for. */
  readonly notAfter: number | undefined;
  /** Judges the first words: by whom, and whether the certificate's authority is shown. Undefined: all is well. */
  wrong(open: Open, now: number): Notice | undefined;
}

export interface Refusal {
  readonly refused: string;
  /** The certificate itself is sound; there is no such peer here. */
  readonly stranger: boolean;
}

/** `find` knows the peers that may stand at the other end. */
export function prove(socket: TLSSocket, find: (node: NodeName) => KnownPeer | undefined): Proof | Refusal {
  // A resumed session shows no certificate; there are no tickets, so nobody of good will resumes.
  if (socket.isSessionReused()) return refused("the connection resumes an older one");
  const leaf = socket.getPeerX509Certificate();
  if (leaf === undefined) return refused("no certificate");
  if (!socket.authorized) return refused(`certificate refused: ${String(socket.authorizationError)}`);
  const node = nodeOf(leaf);
  if (node === undefined) return refused("the certificate names no node");
  const known = find(node);
  if (known === undefined) return { refused: `${node} is no peer under this name`, stranger: true };
  const { peer, roots } = known;
  const direct = signedBy(leaf, roots);
  return {
    peer,
    notAfter: Date.parse(leaf.validTo),
    wrong(open, now) {
      if (open.node !== peer.node || open.organization !== peer.organization) {
        return notice("badPeer", `the certificate is that of ${peer.node} of ${peer.organization}`);
      }
      if (direct || leadsTo(leaf, chainOf(open), roots, now)) return undefined;
      return notice("auth", "the certificate is not signed by the trusted CA, nor by a chain below it");
    },
  };
}

const refused = (text: string): Refusal => ({ refused: text, stranger: false });

/** Bounded by the schema of first words. What cannot be read leads nowhere. */
function chainOf({ chain = [] }: Open): X509Certificate[] {
  try {
    return chain.flatMap(certificatesOf);
  } catch {
    return [];
  }
}
