// `catalyst token show TOKEN|-`: decodes, asks nobody, and says so. The signature is not shown: it is the secret part.

import { CatalystError } from "#rpc";
import { tokenArgument } from "../input.ts";
import type { Answer, Call } from "../verb.ts";
import { claimsText } from "./claims.ts";

type Claims = Readonly<Record<string, unknown>>;

export async function run(call: Call): Promise<Answer> {
  const { header, claims } = decode(await tokenArgument(call));
  const expired = typeof claims["exp"] === "number" && claims["exp"] * 1_000 < Date.now();
  return {
    data: { header, claims, verified: false },
    text: (style) => `${claimsText(header, style)}\n\n${claimsText(claims, style)}`,
    note: `not verified${expired ? ", and expired by this clock" : ""}; ask the node: catalyst token verify -`,
  };
}

export function decode(token: string): { readonly header: Claims; readonly claims: Claims } {
  const parts = token.split(".");
  const [header, claims] = parts.slice(0, 2).map(part);
  if (parts.length === 3 && header !== undefined && claims !== undefined) return { header, claims };
  const hint = token.startsWith("cat_")
    ? "it is an API key: catalyst apikey list"
    : "a token has three parts with dots between";
  throw new CatalystError("ERR_TOKEN_INVALID", "this is no token", { hint });
}

function part(text: string): Claims | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Claims)
      : undefined;
  } catch {
    return undefined; // no JSON: no part of a token
  }
}
