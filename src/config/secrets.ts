// Reading a secret where the configuration says it is: a file or an environment variable. The value never enters the
// configuration, so that nothing which shows a configuration can show a secret.

import { readFileSync } from "node:fs";
import { CatalystError } from "#rpc";
import type { Env } from "./paths.ts";

export type SecretSource = { readonly file: string } | { readonly env: string };

/** The value, without the line end that editors add. */
export function readSecret(source: SecretSource, env: Env = process.env): string {
  if ("env" in source) {
    const value = env[source.env];
    if (value !== undefined && value !== "") return value;
    throw new CatalystError("ERR_CONFIG_UNREADABLE", `the environment variable ${source.env} is not set`);
  }
  try {
    return readFileSync(source.file, "utf8").replace(/\r?\n$/, "");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CatalystError("ERR_CONFIG_UNREADABLE", `cannot read the secret in ${source.file}: ${reason}`, {
      cause,
    });
  }
}
