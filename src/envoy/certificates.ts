// Whether certificates that are to be published can be used at all: Envoy would refuse the whole secret, and keep what it had.

import { X509Certificate, createPrivateKey } from "node:crypto";
import type { OrgName } from "#routing";
import { CatalystError } from "#rpc";
import type { Certificate } from "./prepare-peering.ts";

/** Throws when a PEM text holds no certificate, or one that cannot be read. */
export function checkTrust(organization: OrgName, pem = ""): void {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const refused = (text: string, cause?: unknown) =>
    new CatalystError("ERR_INVALID_ARGUMENT", `the trust in ${organization} holds ${text}`, { cause });
  if (blocks.length === 0) throw refused("no certificate");
  for (const block of blocks)
    try {
      new X509Certificate(block);
    } catch (cause) {
      throw refused("what is no certificate", cause);
    }
}

/** Throws when it is unusable, or not the key's. */
export function checkCertificate({ certificate, key }: Certificate): void {
  let fits: boolean;
  try {
    fits = new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch (cause) {
    throw new CatalystError("ERR_INVALID_ARGUMENT", "the node's certificate or key is unusable", { cause });
  }
  if (!fits) throw new CatalystError("ERR_INVALID_ARGUMENT", "the node's certificate and key differ");
}
