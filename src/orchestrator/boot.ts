// What every part of one node starts from: the configuration as it was resolved once, names, paths, and the identity of this
// run. In `split` it travels to the parts as a file in the run directory (0600), so that the configuration's schema is loaded
// and checked in one process only. Secrets stand in it by reference, as in the configuration.

import { readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Config, NodeNames, NodePaths } from "#config";
import type { Owner } from "#routing";

export interface Boot {
  readonly version: string;
  readonly config: Config;
  /** Where each value came from, as `config show --origin` tells. */
  readonly origin: Readonly<Record<string, string>>;
  /** Who owns each of `config.services` and of the other lists. */
  readonly owners: Readonly<Record<"services" | "peers" | "imports" | "exports", readonly Owner[]>>;
  readonly names: NodeNames;
  readonly paths: NodePaths;
  /** Identity of this run of the node; SDK leases live as long. */
  readonly run: string;
  /** File that every event is written to. */
  readonly record?: string;
  /** Scheme, host and port at which clients come in. */
  readonly ingress: string;
  /** Binary of Envoy, or why there is none. */
  readonly envoy: { readonly binary: string } | { readonly absent: string; readonly wanted: boolean };
  /** Relative plugin paths start here. */
  readonly baseDir: string;
}

export const writeBoot = (file: string, boot: Boot): void => {
  const fresh = `${file}.${process.pid}`;
  writeFileSync(fresh, JSON.stringify(boot), { mode: 0o600 });
  renameSync(fresh, file);
};

export const readBoot = (file: string): Boot => JSON.parse(readFileSync(file, "utf8")) as Boot;

/** "127.0.0.1:10000", "[::1]:80" → host and port. */
export const hostPort = (address: string): { host: string; port: number } => {
  const at = address.lastIndexOf(":");
  return { host: address.slice(0, at).replaceAll(/^\[|\]$/g, ""), port: Number(address.slice(at + 1)) };
};
