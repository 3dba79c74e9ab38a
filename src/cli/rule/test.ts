// `catalyst import test [NAME]` and `catalyst export test [NAME]`

import { withNode } from "../client.ts";
import { numberFlag } from "../input.ts";
import { testTable } from "../render/rules.ts";
import { LIMIT_DEFAULT } from "../route/list.ts";
import type { Answer, Call } from "../verb.ts";
import { listNamed } from "./named.ts";

export async function run(call: Call): Promise<Answer> {
  const { args, flags } = call;
  const list = listNamed(call);
  const limit = numberFlag(call, "limit") ?? LIMIT_DEFAULT;
  const [name] = args;
  const peer = flags.text("peer");
  const asked = {
    ...(name === undefined ? {} : { name }),
    ...(peer === undefined ? {} : { peer }),
    limit: limit + 1,
  };
  const found = await withNode(call, (node) => node.call(`${list}.test`, asked));
  const tests = found.slice(0, limit);
  return {
    data: tests,
    text: (style) => testTable(list, tests, style),
    ...(found.length > limit ? { note: `there are more than ${limit}: --limit N shows more` } : {}),
  };
}
