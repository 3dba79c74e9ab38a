// `catalyst service export NAME`

import { withNode } from "../client.ts";
import { exportText } from "../render/rules.ts";
import type { Answer, Call } from "../verb.ts";

export async function run(call: Call): Promise<Answer> {
  const name = call.args[0] ?? "";
  const to = call.flags.text("to");
  const asked = { name, ...(to === undefined ? {} : { to }) };
  const exported = await withNode(call, (node) => node.call("service.export", asked));
  return { data: exported, text: (style) => exportText(exported, style) };
}
