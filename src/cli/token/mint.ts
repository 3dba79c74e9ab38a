// `catalyst token mint SUBJECT`: the token alone on standard output, so that it can go into a variable.

import { withNode } from "../client.ts";
import { usage } from "../failure.ts";
import { durationFlag } from "../input.ts";
import { moment } from "../render/amount.ts";
import type { Answer, Call } from "../verb.ts";

export async function run(call: Call): Promise<Answer> {
  const ttlMs = durationFlag(call, "ttl");
  if (ttlMs !== undefined && (ttlMs < 1_000 || ttlMs > 900_000))
    throw usage("--ttl must be between 1s and 15m");
  const scope = call.flags.list("scope");
  const aud = call.flags.text("aud");
  const signed = await withNode(call, (node) =>
    node.call("token.mint", {
      sub: call.args[0] ?? "",
      ...(scope.length === 0 ? {} : { scope: [...scope] }),
      ...(aud === undefined ? {} : { aud }),
      ...(ttlMs === undefined ? {} : { ttlSeconds: Math.floor(ttlMs / 1_000) }),
    }),
  );
  const note = `good until ${moment(signed.expiresAt * 1_000)} UTC, signed by ${signed.kid}`;
  return { data: signed, text: () => signed.token, note };
}
