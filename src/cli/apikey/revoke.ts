// `catalyst apikey revoke ID`

import { withNode } from "../client.ts";
import { apiKeyTable } from "../render/keys.ts";
import type { Answer, Call } from "../verb.ts";

export async function run(call: Call): Promise<Answer> {
  const id = call.args[0] ?? "";
  const revoked = await withNode(call, (node) => node.call("apikey.revoke", { id }));
  const note = "refused from now on; tokens it was exchanged for end within 5 minutes";
  return { data: revoked, text: (style) => apiKeyTable([revoked], style), note };
}
