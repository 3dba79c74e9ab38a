// Opens the key source that the configuration names for mode "jwks". Each kind is loaded only when it is used: the client for
// URLs brings TLS with it, which a node with keys of its own need not hold in memory.

import { join } from "node:path";
import { CatalystError } from "#rpc";
import { type Clock, type Instruments, type Log, NO_INSTRUMENTS, type Random } from "../ports.ts";
import type { KeySource } from "./key-source.ts";

/** `identity.jwks` of the configuration. */
export type JwksConfig =
  | { readonly file: string }
  | { readonly url: string; readonly issuer: string; readonly insecure: boolean };

export interface ForeignKeysOptions {
  readonly jwks: JwksConfig | undefined;
  readonly dataDir: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly instruments?: Instruments;
  /** PEM of the CA of a key server with a private one. */
  readonly ca?: string;
}

export async function openForeignKeys(options: ForeignKeysOptions): Promise<KeySource> {
  const { jwks, dataDir, clock, random, log, instruments = NO_INSTRUMENTS, ca } = options;
  if (jwks === undefined) {
    throw new CatalystError("ERR_CONFIG_INVALID", "identity.mode is jwks, but identity.jwks is missing", {
      hint: 'set identity.jwks to {"file": …} or {"url": …, "issuer": …}',
    });
  }
  if ("file" in jwks) {
    const { openJwksFile } = await import("./jwks-file.ts");
    return openJwksFile({ path: jwks.file, clock, log });
  }
  const { openJwksUrl } = await import("./jwks-url.ts");
  return openJwksUrl({
    ...jwks,
    directory: join(dataDir, "jwks"),
    clock,
    random,
    log,
    instruments,
    ...(ca === undefined ? {} : { ca }),
  });
}
