// By what this node is known to its peers: the files that `tls` names, or the ones in its data directory. Where the organization's CA
// lies there too, the certificate is made and renewed here, past half its life; looked at once a day. Who issues elsewhere
// replaces the files, and the same look finds them.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "#config";
import type { Clock, Log } from "#kernel";
import { CatalystError } from "#rpc";
import type { EnvoyNodeCertWant, NodeName, OrgName } from "#routing";
import { sha256 } from "../store/store.ts";

const LOOK_MS = 24 * 3_600_000;

export interface OwnCertificate {
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
  readonly files: EnvoyNodeCertWant;
}

export interface CertificateOptions {
  readonly node: NodeName;
  readonly organization: OrgName;
  readonly dataDir: string;
  readonly tls: Config["tls"];
  readonly clock: Clock;
}

/** Throws ERR_CONFIG_UNREADABLE where there is none. */
export async function ownCertificate(options: CertificateOptions): Promise<OwnCertificate> {
  const { dataDir, tls } = options;
  if (tls === undefined) await issued(options);
  const certificateFile = tls?.cert.file ?? join(dataDir, "certs", "node.pem");
  const keyFile = tls?.key.file ?? join(dataDir, "keys", "node.key");
  const [certificate, key] = await Promise.all([read(certificateFile), read(keyFile)]);
  return { certificate, key, files: { certificateFile, keyFile, hash: sha256(certificate) } };
}

/** Calls back with each other certificate from now on; returns the way to end it. */
export function watchCertificate(
  options: CertificateOptions,
  now: string | undefined,
  changed: (own: OwnCertificate) => void,
  log: Log,
): () => void {
  let known = now;
  let ended = false;
  let cancel = (): void => {};
  const look = async (): Promise<void> => {
    const own = await ownCertificate(options);
    if (own.files.hash === known || ended) return;
    known = own.files.hash;
    changed(own);
  };
  const next = (): void => {
    if (ended) return;
    cancel = options.clock.after(LOOK_MS, () => {
      look()
        .catch((error: unknown) =>
          log.warn({ error: String(error) }, "the certificate could not be looked at"),
        )
        .finally(next);
    });
  };
  next();
  return () => {
    ended = true;
    cancel();
  };
}

/** Only where the organization's CA is at hand. */
async function issued({ node, organization, dataDir, clock }: CertificateOptions): Promise<void> {
  const { ensureNodeCertificate, openOrganizationCa } = await import("#auth");
  const ca = await openOrganizationCa({ dataDir, organization });
  if (ca !== undefined) await ensureNodeCertificate({ dataDir, node, ca, clock });
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CatalystError("ERR_CONFIG_UNREADABLE", `peers cannot know this node: ${reason}`, {
      hint: "catalyst init makes a CA and a certificate; or name yours with tls in the configuration",
      cause,
    });
  }
}
