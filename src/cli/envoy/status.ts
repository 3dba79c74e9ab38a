// `catalyst envoy status`

import { withNode } from "../client.ts";
import { envoyText } from "../render/envoy.ts";
import type { Answer, Call } from "../verb.ts";

export async function run(call: Call): Promise<Answer> {
  const status = await withNode(call, (node) => node.call("envoy.status", {}));
  return { data: status, text: (style) => envoyText(status, style) };
}
