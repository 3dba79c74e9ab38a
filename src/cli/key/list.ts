// `catalyst key list`

import { withNode } from "../client.ts";
import { keyTable } from "../render/keys.ts";
import type { Answer, Call } from "../verb.ts";

export async function run(call: Call): Promise<Answer> {
  const keys = await withNode(call, (node) => node.call("key.list", {}));
  return { data: keys, text: (style) => keyTable(keys, style) };
}
