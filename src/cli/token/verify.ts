// `catalyst token verify TOKEN|-`: exit code 0 when the node accepts it, 1 when it does not.

import { withNode } from "../client.ts";
import { tokenArgument } from "../input.ts";
import type { Answer, Call } from "../verb.ts";
import { claimsText } from "./claims.ts";

export async function run(call: Call): Promise<Answer> {
  const token = await tokenArgument(call);
  const verified = await withNode(call, (node) => node.call("token.verify", { token }));
  return {
    data: verified,
    text: (style) =>
      verified.ok
        ? `${style.green("valid")}, signed by ${verified.kid}\n\n${claimsText({ ...verified.claims }, style)}`
        : `${style.red("not valid")}: ${verified.reason} ${style.dim(`[${verified.code}]`)}`,
    code: verified.ok ? 0 : 1,
  };
}
