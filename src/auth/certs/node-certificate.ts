// The certificate by which a node is known to its peers: one SPIFFE URI that names it, P-256, for both ends of mTLS.
// Follows docs/internals/identity.md section 11 and docs/internals/contracts.md section 1 (Envoy's SPIFFE validator asks for
// keyUsage). Invariants: exactly one URI name; the name lies inside the CA's organization; the key stays over renewals, so that a
// renewal is one atomic write and never leaves a certificate beside the wrong key.

import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { join } from "node:path";
import { CatalystError } from "#rpc";
import { generateKey } from "../keys/signer.ts";
import type { Clock } from "../ports.ts";
import { privateDirectory, readPrivate, writePrivate } from "../private-file.ts";
import { BACKDATE_MS, checkDomain, type OrganizationCa, readText } from "./organization-ca.ts";
import { cryptoKeyOf, loadX509, newSerial } from "./x509.ts";

export interface NodeCertificateOptions {
  readonly dataDir: string;
  /** Full name of the node. */
  readonly node: string;
  readonly ca: OrganizationCa;
  readonly clock: Clock;
  /** Default 90 days; never longer than the CA itself. */
  readonly lifeMs?: number;
}

export interface NodeCertificate {
  readonly certificatePem: string;
  readonly spiffeId: string;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
  /** Whether it was made by this call. */
  readonly issued: boolean;
}

const LIFE_MS = 90 * 24 * 3_600_000;
const PEM_BYTES_MAX = 16 * 1024;

export const spiffeIdOf = (node: string): string => `spiffe://${node}/node`;
const certificatePath = (dataDir: string): string => join(dataDir, "certs", "node.pem");

/** Makes `keys/node.key`, unless it is there, and `certs/node.pem`, also when it is there. */
export async function issueNodeCertificate(options: NodeCertificateOptions): Promise<NodeCertificate> {
  const { dataDir, node, ca, clock, lifeMs = LIFE_MS } = options;
  checkDomain(node);
  if (!node.endsWith(`.${ca.organization}`)) {
    throw new CatalystError("ERR_INVALID_ARGUMENT", `${node} is no node of ${ca.organization}`);
  }
  const notAfter = Math.min(clock.now() + lifeMs, Date.parse(ca.certificate.validTo));
  if (notAfter <= clock.now())
    throw new CatalystError("ERR_INVALID_ARGUMENT", "the CA's certificate is expired");
  await privateDirectory(join(dataDir, "keys"));
  const publicKey = createPublicKey(await nodeKey(join(dataDir, "keys", "node.key")));
  const certificatePem = await sign(ca, node, publicKey, clock.now() - BACKDATE_MS, notAfter);
  await writePrivate(certificatePath(dataDir), certificatePem, 0o644);
  const exact = Date.parse(new X509Certificate(certificatePem).validTo);
  return { certificatePem, spiffeId: spiffeIdOf(node), notAfter: exact, issued: true };
}

/** The certificate that is there; a new one when it is missing, past half its life, or not this node's under this CA and key. */
export async function ensureNodeCertificate(options: NodeCertificateOptions): Promise<NodeCertificate> {
  const { dataDir, node, ca, clock } = options;
  const certificatePem = await readText(certificatePath(dataDir));
  const keyPem = await readPrivate(join(dataDir, "keys", "node.key"), PEM_BYTES_MAX);
  if (certificatePem === undefined || keyPem === undefined) return issueNodeCertificate(options);
  const certificate = parse(certificatePem);
  const spiffeId = spiffeIdOf(node);
  const good =
    certificate !== undefined &&
    certificate.subjectAltName?.split(", ").includes(`URI:${spiffeId}`) === true &&
    certificate.verify(ca.certificate.publicKey) &&
    certificate.checkPrivateKey(createPrivateKey(keyPem));
  if (!good) return issueNodeCertificate(options);
  const notBefore = Date.parse(certificate.validFrom);
  const notAfter = Date.parse(certificate.validTo);
  if (clock.now() > (notBefore + notAfter) / 2 || clock.now() < notBefore)
    return issueNodeCertificate(options);
  return { certificatePem, spiffeId, notAfter, issued: false };
}

async function sign(
  ca: OrganizationCa,
  node: string,
  key: KeyObject,
  notBefore: number,
  notAfter: number,
): Promise<string> {
  const x509 = await loadX509();
  const publicKey = cryptoKeyOf(key, "P-256");
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: [{ CN: [node.slice(0, 64)] }],
    issuer: new x509.X509Certificate(ca.certificatePem).subjectName,
    notBefore: new Date(notBefore),
    notAfter: new Date(notAfter),
    publicKey,
    signingKey: cryptoKeyOf(ca.key, "P-384"),
    signingAlgorithm: { name: "ECDSA", hash: "SHA-384" },
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.SubjectAlternativeNameExtension([
        { type: "url", value: spiffeIdOf(node) },
        { type: "dns", value: node },
      ]),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(cryptoKeyOf(createPublicKey(ca.key), "P-384")),
    ],
  });
  return `${certificate.toString("pem")}\n`;
}

async function nodeKey(path: string): Promise<KeyObject> {
  const existing = await readPrivate(path, PEM_BYTES_MAX);
  if (existing !== undefined) return createPrivateKey(existing);
  const key = await generateKey("ES256");
  await writePrivate(path, key.export({ format: "pem", type: "pkcs8" }).toString());
  return key;
}

function parse(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined; // damaged: replaced like one that is missing, and `issued` says so
  }
}
