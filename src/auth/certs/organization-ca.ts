// The small CA of an organization that `catalyst init` makes: a P-384 key and a certificate that is given to peers as
// `certs/trust.pem`. Follows docs/internals/identity.md section 11 and docs/internals/contracts.md section 1.
// Invariants: the CA can only speak for names of its own organization, because its certificate says so (critical
// NameConstraints) and every verifier refuses others; an existing CA is never overwritten.

import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { CatalystError } from "#rpc";
import { generateKey } from "../keys/signer.ts";
import { type Clock, reasonOf } from "../ports.ts";
import { errnoOf, privateDirectory, readPrivate, writePrivate } from "../private-file.ts";
import { cryptoKeyOf, loadX509, NAME_CONSTRAINTS, newSerial, permitDomain } from "./x509.ts";

export interface OrganizationCa {
  readonly organization: string;
  /** What a peer is given; holds no secret. */
  readonly certificatePem: string;
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
}

export interface CaOptions {
  readonly dataDir: string;
  readonly organization: string;
  readonly clock: Clock;
}

const YEAR_MS = 365 * 24 * 3_600_000;
const CA_LIFE_MS = 10 * YEAR_MS;
/** Clocks of nodes differ; a certificate of this moment must be good at one that is late. */
export const BACKDATE_MS = 3_600_000;
const PEM_BYTES_MAX = 16 * 1024;

const caKeyPath = (dataDir: string): string => join(dataDir, "keys", "ca.key");
export const trustPath = (dataDir: string): string => join(dataDir, "certs", "trust.pem");

/** Makes `keys/ca.key` and `certs/trust.pem`; refuses when there is a CA already. */
export async function createOrganizationCa(options: CaOptions): Promise<OrganizationCa> {
  const { dataDir, organization, clock } = options;
  checkDomain(organization);
  await privateDirectory(join(dataDir, "keys"));
  await mkdir(join(dataDir, "certs"), { recursive: true, mode: 0o700 });
  if ((await readText(trustPath(dataDir))) !== undefined) {
    throw new CatalystError("ERR_ALREADY_EXISTS", `${trustPath(dataDir)} exists; a CA is not overwritten`);
  }
  const key = await caKey(caKeyPath(dataDir));
  const x509 = await loadX509();
  const publicKey = cryptoKeyOf(createPublicKey(key), "P-384");
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: [{ CN: [`${organization.slice(0, 50)} CA`] }],
    notBefore: new Date(clock.now() - BACKDATE_MS),
    notAfter: new Date(clock.now() + CA_LIFE_MS),
    keys: { privateKey: cryptoKeyOf(key, "P-384"), publicKey },
    signingAlgorithm: { name: "ECDSA", hash: "SHA-384" },
    extensions: [
      // Room for one level of intermediates, which nodes of the "pki" strategy will hold.
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      new x509.Extension(NAME_CONSTRAINTS, true, permitDomain(organization)),
    ],
  });
  const certificatePem = `${certificate.toString("pem")}\n`;
  await writePrivate(trustPath(dataDir), certificatePem, 0o644);
  return { organization, certificatePem, certificate: new X509Certificate(certificatePem), key };
}

/** The CA of this data directory; undefined when this node has none (it only trusts one). */
export async function openOrganizationCa(
  options: Pick<CaOptions, "dataDir" | "organization">,
): Promise<OrganizationCa | undefined> {
  const { dataDir, organization } = options;
  const keyPem = await readPrivate(caKeyPath(dataDir), PEM_BYTES_MAX);
  const certificatePem = await readText(trustPath(dataDir));
  if (keyPem === undefined || certificatePem === undefined) return undefined;
  try {
    const key = createPrivateKey(keyPem);
    const certificate = new X509Certificate(certificatePem);
    if (!certificate.checkPrivateKey(key)) throw new Error("key and certificate do not belong together");
    return { organization, certificatePem, certificate, key };
  } catch (error) {
    throw new CatalystError("ERR_STATE_CORRUPT", `the CA in ${dataDir} cannot be used: ${reasonOf(error)}`, {
      hint: "restore keys/ca.key and certs/trust.pem from a backup",
      cause: error,
    });
  }
}

/** A key without a certificate is what a crash in between left: it is used, not replaced. */
async function caKey(path: string): Promise<KeyObject> {
  const existing = await readPrivate(path, PEM_BYTES_MAX);
  if (existing !== undefined) return createPrivateKey(existing);
  const key = await generateKey("ES384");
  await writePrivate(path, key.export({ format: "pem", type: "pkcs8" }).toString());
  return key;
}

export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

const DOMAIN = /^(?=.{3,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$/;

export function checkDomain(name: string): void {
  if (DOMAIN.test(name)) return;
  throw new CatalystError(
    "ERR_INVALID_ARGUMENT",
    "a domain name in lower case with at least one dot is needed",
  );
}
