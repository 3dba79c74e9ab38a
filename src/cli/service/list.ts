// `catalyst service list`

import { withNode } from "../client.ts";
import { serviceTable } from "../render/services.ts";
import type { Answer, Call } from "../verb.ts";

export async function run(call: Call): Promise<Answer> {
  const services = await withNode(call, (node) => node.call("service.list", {}));
  return { data: services, text: (style) => serviceTable(services, style) };
}
