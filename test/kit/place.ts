// The place of a node before its first start, as a user makes it with `catalyst init`: a folder, keys and a certificate under an
// organization of its own, and the address at which its peers will find it.

import assert from "node:assert/strict";
import { join } from "node:path";
import { catalyst, type Cleanup, freePort, temporaryFolder } from "./node.ts";

export interface Place {
  /** Full name of the node. */
  readonly name: string;
  readonly organization: string;
  readonly folder: string;
  readonly dataDir: string;
  readonly control: string;
  /** What another organization is given. */
  readonly trust: string;
}

export async function initPlace(t: Cleanup, organization: string): Promise<Place> {
  const folder = temporaryFolder(t);
  const dataDir = join(folder, "node");
  const words = ["--organization", organization, "--node", "edge1", "--data-dir", dataDir];
  const made = await catalyst(["init", "init.json", ...words], { cwd: folder });
  assert.equal(made.code, 0, made.err);
  const control = `127.0.0.1:${await freePort()}`;
  const trust = join(dataDir, "certs/trust.pem");
  return { name: `edge1.${organization}`, organization, folder, dataDir, control, trust };
}
