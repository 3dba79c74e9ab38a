// `catalyst import remove ID` and `catalyst export remove ID`

import { withNode } from "../client.ts";
import { ruleText } from "../render/rules.ts";
import type { Answer, Call } from "../verb.ts";
import { listNamed } from "./named.ts";

export async function run(call: Call): Promise<Answer> {
  const id = call.args[0] ?? "";
  const list = listNamed(call);
  const rule = await withNode(call, (node) => node.call(`${list}.remove`, { id }));
  return { data: rule, text: () => `removed ${list} rule ${rule.id}: ${ruleText(list, rule.rule)}` };
}
