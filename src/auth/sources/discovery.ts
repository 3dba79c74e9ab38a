// OpenID Connect Discovery, the two facts of it that matter: whose document it is, and where the keys are. Follows OpenID
// Connect Discovery 1.0 section 4.3 and docs/internals/identity.md section 4.
// Invariant: a document that names another issuer than the configured one, byte for byte, is never used: with a different
// spelling every token would be refused, and with a foreign one somebody else would sign for us.

import type { Fetched } from "./fetch-json.ts";

const SUFFIX = "/.well-known/openid-configuration";

/** True when the configured URL is the discovery document itself. */
export const isDiscovery = (url: URL): boolean => url.pathname.endsWith(SUFFIX);

/** Where the issuer's own discovery document would be; undefined when the issuer is no URL (nodes are not). */
export function discoveryOf(issuer: string): URL | undefined {
  return /^https?:\/\//.test(issuer) && URL.canParse(issuer)
    ? new URL(`${issuer.replace(/\/$/, "")}${SUFFIX}`)
    : undefined;
}

/** The `jwks_uri` of the document; throws when it is not the issuer's. */
export function readDiscovery(answer: Fetched, issuer: string): URL {
  let value: unknown;
  try {
    value = JSON.parse(answer.body);
  } catch (cause) {
    throw new Error("the discovery document is not JSON", { cause });
  }
  const document: { issuer?: unknown; jwks_uri?: unknown } = typeof value === "object" && value ? value : {};
  if (document.issuer !== issuer) {
    const named =
      typeof document.issuer === "string" ? JSON.stringify(document.issuer.slice(0, 256)) : "none";
    throw new Error(`the discovery document is of issuer ${named}, configured is ${JSON.stringify(issuer)}`);
  }
  if (typeof document.jwks_uri !== "string" || !URL.canParse(document.jwks_uri)) {
    throw new Error("the discovery document names no jwks_uri");
  }
  return new URL(document.jwks_uri);
}
