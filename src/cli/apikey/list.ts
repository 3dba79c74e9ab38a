// `catalyst apikey list`

import { withNode } from "../client.ts";
import { apiKeyTable } from "../render/keys.ts";
import type { Answer, Call } from "../verb.ts";

export async function run(call: Call): Promise<Answer> {
  const keys = await withNode(call, (node) => node.call("apikey.list", {}));
  return { data: keys, text: (style) => apiKeyTable(keys, style) };
}
