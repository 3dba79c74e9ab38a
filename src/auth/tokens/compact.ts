// The compact form of a JWS (RFC 7515 section 7.1), written and read. Reading only takes apart and refuses what cannot be a
// token of ours; it trusts nothing it sees. Follows docs/internals/identity.md section 3, steps 1 and 3.
// Invariant: a header that brings its own key, or asks for an extension, never gets further than here.

import type { Claims } from "#rpc";
import type { Signer } from "../keys/signer.ts";
import { TOKEN_BYTES_MAX } from "../limits.ts";
import { ACCESS_TYP } from "./claims.ts";

export type Compact =
  | { readonly ok: true; readonly kid: string; readonly alg: string; readonly payload: object }
  | { readonly ok: false; readonly step: string; readonly reason: string };

/** Members by which a token would choose the key that verifies it, or the way it is read. */
const FORBIDDEN = ["crit", "jwk", "jku", "x5u", "x5c", "b64", "zip", "enc"];
const BASE64URL = /^[A-Za-z0-9_-]+$/;

const no = (step: string, reason: string): Compact => ({ ok: false, step, reason });

export function readCompact(token: string): Compact {
  if (token.length > TOKEN_BYTES_MAX) return no("size", `longer than ${TOKEN_BYTES_MAX} bytes`);
  const parts = token.split(".", 4);
  const [head, body, signature] = parts;
  if (parts.length !== 3 || !head || !body || !signature || !parts.every((part) => BASE64URL.test(part))) {
    return no("form", "not a signed token of three parts");
  }
  const header: { typ?: unknown; kid?: unknown; alg?: unknown } | undefined = decode(head);
  if (header === undefined) return no("form", "its header is not a JSON object");
  const forbidden = FORBIDDEN.find((member) => Object.hasOwn(header, member));
  if (forbidden !== undefined) return no("header", `its header holds "${forbidden}"`);
  const { typ, kid, alg } = header;
  // Media types compare without case, and "application/" may be left out (RFC 7515 section 4.1.9).
  if (typeof typ !== "string" || typ.toLowerCase().replace(/^application\//, "") !== ACCESS_TYP) {
    return no("typ", `its typ is not ${ACCESS_TYP}`);
  }
  if (typeof kid !== "string" || kid === "") return no("kid", "it names no key");
  if (typeof alg !== "string") return no("alg", "it names no algorithm");
  const payload = decode(body);
  if (payload === undefined) return no("form", "its claims are not a JSON object");
  return { ok: true, kid, alg, payload };
}

/** Signs claims; the header is written here and nowhere else. */
export async function writeCompact(claims: Claims, signer: Signer): Promise<string> {
  const input = `${encode({ typ: ACCESS_TYP, alg: signer.alg, kid: signer.kid })}.${encode(claims)}`;
  const signature = await signer.sign(Buffer.from(input, "ascii"));
  return `${input}.${Buffer.from(signature).toString("base64url")}`;
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

function decode(part: string): object | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
