// `catalyst service show NAME`

import { withNode } from "../client.ts";
import { serviceText } from "../render/services.ts";
import type { Answer, Call } from "../verb.ts";

export async function run(call: Call): Promise<Answer> {
  const name = call.args[0] ?? "";
  const service = await withNode(call, (node) => node.call("service.show", { name }));
  return { data: service, text: (style) => serviceText(service, style) };
}
