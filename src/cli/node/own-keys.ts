// What `init` makes in the data directory of a node: the keys that sign its tokens, the small CA of its organization, and the
// certificate by which peers know the node. Invariant: nothing that is there is replaced. A directory that holds only
// `certs/trust.pem` belongs to a node whose certificate somebody else issues, so no second CA comes into being there.

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Config, NodeNames } from "#config";
import { CatalystError } from "#rpc";

/** Files by their path in the data directory. */
export interface OwnKeys {
  readonly made: readonly string[];
  readonly kept: readonly string[];
  /** What each peer is given. */
  readonly trust: string;
  readonly certificate?: { readonly spiffeId: string; readonly notAfter: number };
}

const RING = "keys/signing.json";
const CA = ["keys/ca.key", "certs/trust.pem"] as const;
const CERTIFICATE = ["keys/node.key", "certs/node.pem"] as const;

const clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms: number, run: () => void) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

export async function makeKeys(names: NodeNames, { identity }: Config): Promise<OwnKeys> {
  const { dataDir, organization, node } = names;
  const there = (file: string): boolean => existsSync(join(dataDir, file));
  const ownTokens = identity.mode !== "jwks";
  const files = [...(ownTokens ? [RING] : []), ...CA, ...CERTIFICATE];
  const kept = files.filter(there);
  if (ownTokens && !there(RING)) await makeRing(names, identity);
  const auth = await import("#auth");
  const ca = there("certs/trust.pem")
    ? await auth.openOrganizationCa({ dataDir, organization })
    : await auth.createOrganizationCa({ dataDir, organization, clock });
  if (ca !== undefined) refuseOther(ca.certificate.subject, names);
  const issued =
    ca === undefined ? undefined : await auth.ensureNodeCertificate({ dataDir, node, ca, clock });
  return {
    made: files.filter((file) => there(file) && !kept.includes(file)),
    kept,
    trust: join(dataDir, "certs/trust.pem"),
    ...(issued === undefined
      ? {}
      : { certificate: { spiffeId: issued.spiffeId, notAfter: issued.notAfter } }),
  };
}

/** The CA that an `init` made is called after its organization, and can speak for no other. */
function refuseOther(subject: string, { dataDir, organization }: NodeNames): void {
  const [, whose] = /^CN=(\S+\.\S+) CA$/.exec(subject) ?? [];
  // The certificate's name holds the first 50 characters (`createOrganizationCa`).
  if (whose === undefined || whose === organization.slice(0, 50)) return;
  throw new CatalystError("ERR_ALREADY_EXISTS", `${dataDir} holds the keys of ${whose}`, {
    hint: "another place for this one: --data-dir DIR, or another --node",
  });
}

/** The auth part makes them when it starts; so it is started for this moment. */
async function makeRing(
  { dataDir, node, organization }: NodeNames,
  identity: Config["identity"],
): Promise<void> {
  const { createAuth } = await import("#auth");
  const nothing = (): void => undefined;
  const log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
  const random = { next: () => Math.random() };
  const auth = await createAuth({ dataDir, node, organization, identity, clock, random, log });
  await auth.close();
}
