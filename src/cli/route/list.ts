// `catalyst route list`

import type { RouteListArgs } from "#rpc";
import { withNode } from "../client.ts";
import { usage } from "../failure.ts";
import { numberFlag } from "../input.ts";
import { oneOf } from "../peer/add.ts";
import { routeTable } from "../render/routes.ts";
import type { Answer, Call } from "../verb.ts";

export const LIMIT_DEFAULT = 1_000;

export async function run(call: Call): Promise<Answer> {
  const limit = numberFlag(call, "limit") ?? LIMIT_DEFAULT;
  const asked = argumentsOf(call);
  // One more tells that there are more.
  const found = await withNode(call, (node) => node.call("route.list", { ...asked, limit: limit + 1 }));
  const routes = found.slice(0, limit);
  return {
    data: routes,
    text: (style) => routeTable(routes, style),
    ...(found.length > limit ? { note: `there are more than ${limit}: --limit N shows more` } : {}),
  };
}

function argumentsOf({ flags }: Call): RouteListArgs {
  const table = oneOf("table", flags.text("table"), ["internal", "external", "local"]);
  const [from, to] = [flags.text("in"), flags.text("out")];
  const rejected = flags.on("rejected");
  if (to !== undefined && (from !== undefined || rejected))
    throw usage("--out cannot be combined with --in or --rejected", "catalyst export test says why not");
  return {
    ...(table === undefined ? {} : { table }),
    ...(from === undefined ? {} : { in: from }),
    ...(to === undefined ? {} : { out: to }),
    ...(rejected ? { rejected } : {}),
  };
}
