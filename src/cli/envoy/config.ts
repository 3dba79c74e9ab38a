// `catalyst envoy config`: a table of all resources, or with --name the resource itself.

import { withNode } from "../client.ts";
import { resourceTable } from "../render/envoy.ts";
import type { Answer, Call } from "../verb.ts";

export async function run(call: Call): Promise<Answer> {
  const [type, name] = [call.flags.text("type"), call.flags.text("name")];
  const filter = { ...(type === undefined ? {} : { type }), ...(name === undefined ? {} : { name }) };
  const resources = await withNode(call, (node) => node.call("envoy.config", filter));
  const whole = name !== undefined && resources.length > 0;
  return {
    data: resources,
    text: (style) => (whole ? JSON.stringify(resources, null, 2) : resourceTable(resources, style)),
  };
}
