// `catalyst apikey create PRINCIPAL`: the only moment at which the key can be seen.

import { withNode } from "../client.ts";
import { durationFlag } from "../input.ts";
import { createdText } from "../render/keys.ts";
import type { Answer, Call } from "../verb.ts";

export async function run(call: Call): Promise<Answer> {
  const expiresInMs = durationFlag(call, "expires");
  const scopes = call.flags.list("scope");
  const created = await withNode(call, (node) =>
    node.call("apikey.create", {
      principal: call.args[0] ?? "",
      ...(scopes.length === 0 ? {} : { scopes: [...scopes] }),
      ...(expiresInMs === undefined ? {} : { expiresInMs }),
    }),
  );
  return { data: created, text: (style) => createdText(created, style), note: KEEP_IT };
}

export const KEEP_IT = "keep it now: the key is shown this once";
