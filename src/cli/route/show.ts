// `catalyst route show NAME`

import { withNode } from "../client.ts";
import { routeTable } from "../render/routes.ts";
import type { Answer, Call } from "../verb.ts";

export async function run(call: Call): Promise<Answer> {
  const name = call.args[0] ?? "";
  const routes = await withNode(call, (node) => node.call("route.show", { name }));
  return { data: routes, text: (style) => routeTable(routes, style) };
}
