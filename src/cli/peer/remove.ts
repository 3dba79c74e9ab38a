// `catalyst peer remove PEER`

import { withNode } from "../client.ts";
import type { Answer, Call } from "../verb.ts";

export async function run(call: Call): Promise<Answer> {
  const node = call.args[0] ?? "";
  const removed = await withNode(call, (session) => session.call("peer.remove", { node }));
  return { data: removed, text: () => `removed ${removed.node} (revision ${removed.revision})` };
}
