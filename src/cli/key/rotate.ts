// `catalyst key rotate [--now]`

import { withNode } from "../client.ts";
import { keyTable } from "../render/keys.ts";
import type { Answer, Call } from "../verb.ts";

export async function run(call: Call): Promise<Answer> {
  const now = call.flags.on("now");
  const key = await withNode(call, (node) => node.call("key.rotate", { now }));
  return { data: key, text: (style) => keyTable([key], style) };
}
