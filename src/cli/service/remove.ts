// `catalyst service remove NAME`

import { withNode } from "../client.ts";
import type { Answer, Call } from "../verb.ts";

export async function run(call: Call): Promise<Answer> {
  const name = call.args[0] ?? "";
  const removed = await withNode(call, (node) => node.call("service.remove", { name }));
  return { data: removed, text: () => `removed ${removed.name} (revision ${removed.revision})` };
}
