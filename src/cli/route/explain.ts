// `catalyst route explain NAME`. That nobody offers a name is an answer, not a failure.

import { withNode } from "../client.ts";
import { explainText } from "../render/explain.ts";
import type { Answer, Call } from "../verb.ts";

export async function run(call: Call): Promise<Answer> {
  const name = call.args[0] ?? "";
  const explanation = await withNode(call, (node) => node.call("route.explain", { name }));
  return { data: explanation, text: (style) => explainText(explanation, style) };
}
