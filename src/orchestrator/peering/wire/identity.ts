// Who is at the other end, by its certificate alone. TLS has verified the chain against the bundle of one organization, the one
// that the server name speaks of; here the leaf is judged: its one SPIFFE name, and by whose authority. DNS names count for
// nothing. Traps known (docs/internals/identity.md section 11): a CA of one node can sign its sibling's name, so what an
// intermediate that has a name of its own signs must lie under that name; Node loses the chain on the server's side, so
// intermediates come in the first words. Invariant: a leaf is believed only when its issuer, or its issuer's issuer, stands in the
// bundle of exactly that peer.

import { X509Certificate } from "node:crypto";
import { spiffeIdOf } from "#auth";
import type { NodeName, OrgName } from "#routing";

/** What the dialer asks for by SNI: who calls, and whom. */
export const serverName = (caller: OrgName, callee: NodeName): string => `${caller}.to.${callee}`;

/** RFC 7468: certificates of a PEM, in their order. */
export function certificatesOf(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

/** The certificate's only URI; undefined when there is none, more than one, or something that hides one. */
export function uriOf({ subjectAltName }: X509Certificate): string | undefined {
  // Node quotes names that hold a comma or a quote: none of ours does, so it can only be an attempt to look like two.
  if (subjectAltName === undefined || subjectAltName.includes('"')) return undefined;
  const uris = subjectAltName.split(", ").filter((name) => name.startsWith("URI:"));
  return uris.length === 1 ? uris[0]?.slice("URI:".length) : undefined;
}

/** The node a certificate is for. */
export function nodeOf(leaf: X509Certificate): NodeName | undefined {
  const uri = uriOf(leaf);
  const node = /^spiffe:\/\/([a-z0-9._-]+)\//.exec(uri ?? "")?.[1];
  return node !== undefined && uri === spiffeIdOf(node) ? node : undefined;
}

/** Whether the bundle itself signed the leaf. If not, intermediates must prove it. */
export function signedBy(leaf: X509Certificate, trust: readonly X509Certificate[]): boolean {
  return trust.some((root) => issued(root, leaf));
}

/** Whether `chain` leads from the leaf to the bundle; each link at most once, each under the name of its issuer. */
export function leadsTo(
  leaf: X509Certificate,
  chain: readonly X509Certificate[],
  trust: readonly X509Certificate[],
  at: number,
): boolean {
  let below = leaf;
  for (const intermediate of chain) {
    if (!issued(intermediate, below) || !isValid(intermediate, at) || !covers(intermediate, below))
      return false;
    if (signedBy(intermediate, trust)) return true;
    below = intermediate;
  }
  return false;
}

const issued = (issuer: X509Certificate, subject: X509Certificate): boolean =>
  issuer.ca && subject.checkIssued(issuer) && subject.verify(issuer.publicKey);

const isValid = ({ validFrom, validTo }: X509Certificate, at: number): boolean =>
  Date.parse(validFrom) <= at && at < Date.parse(validTo);

/** An intermediate that has a URI signs what lies under it: "node/ab" is not under "node/a". */
function covers(issuer: X509Certificate, subject: X509Certificate): boolean {
  if (issuer.subjectAltName?.includes("URI:") !== true) return true;
  const over = uriOf(issuer);
  return over !== undefined && uriOf(subject)?.startsWith(`${over}/`) === true;
}
