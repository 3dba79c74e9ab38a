// `catalyst envoy config`: a table of all resources, or with --name the resource itself. A name or type that is not there is
// an error, with the nearest one that is: an empty answer would pass for one in a script.

import { nearest } from "#config";
import { CatalystError } from "#rpc";
import { type NodeClient, withNode } from "../client.ts";
import { resourceTable } from "../render/envoy.ts";
import type { Answer, Call } from "../verb.ts";

interface Filter {
  readonly type?: string;
  readonly name?: string;
}

export async function run(call: Call): Promise<Answer> {
  const [type, name] = [call.flags.text("type"), call.flags.text("name")];
  const filter = { ...(type === undefined ? {} : { type }), ...(name === undefined ? {} : { name }) };
  const resources = await withNode(call, async (node) => {
    const found = await node.call("envoy.config", filter);
    if (found.length === 0) await refuseUnknown(node, filter);
    return found;
  });
  return {
    data: resources,
    text: (style) =>
      name === undefined ? resourceTable(resources, style) : JSON.stringify(resources, null, 2),
  };
}

/** There may well be nothing of a type; a type or a name that nobody knows is a mistake. */
async function refuseUnknown(node: NodeClient, { type, name }: Filter): Promise<void> {
  const types = (await node.call("envoy.status", {})).types.map((each) => each.type);
  if (type !== undefined && types.length > 0 && !types.includes(type))
    throw new CatalystError("ERR_INVALID_ARGUMENT", `"${type}" is no type: ${types.join(", ")}`, {
      hint: `catalyst envoy config --type ${nearest(type, types) ?? types[0]}`,
    });
  if (name === undefined) return;
  const others = await node.call("envoy.config", type === undefined ? {} : { type });
  const meant = nearest(
    name,
    others.map((each) => each.name),
  );
  throw new CatalystError("ERR_NOT_FOUND", `Envoy was given no ${type ?? "resource"} named "${name}"`, {
    hint: meant === undefined ? "catalyst envoy config" : `catalyst envoy config --name ${meant}`,
  });
}
