// `catalyst import list` and `catalyst export list`

import { withNode } from "../client.ts";
import { ruleTable } from "../render/rules.ts";
import type { Answer, Call } from "../verb.ts";
import { listNamed } from "./named.ts";

export async function run(call: Call): Promise<Answer> {
  const list = listNamed(call);
  const rules = await withNode(call, (node) => node.call(`${list}.list`, {}));
  return { data: rules, text: (style) => ruleTable(list, rules, style) };
}
