// `catalyst apikey rotate ID`

import { withNode } from "../client.ts";
import { durationFlag } from "../input.ts";
import { createdText } from "../render/keys.ts";
import type { Answer, Call } from "../verb.ts";
import { KEEP_IT } from "./create.ts";

export async function run(call: Call): Promise<Answer> {
  const overlapMs = durationFlag(call, "overlap");
  const request = { id: call.args[0] ?? "", ...(overlapMs === undefined ? {} : { overlapMs }) };
  const created = await withNode(call, (node) => node.call("apikey.rotate", request));
  return { data: created, text: (style) => createdText(created, style), note: KEEP_IT };
}
