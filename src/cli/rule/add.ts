// `catalyst import add RULE [KEY]` and `catalyst export add RULE [KEY]`: a rule from flags, in the form the configuration has it, or a
// whole one as JSON. The node judges it by the configuration's own schema.

import { withNode } from "../client.ts";
import { usage } from "../failure.ts";
import { numberFlag, textOrInput } from "../input.ts";
import { objectOf } from "../peer/diff.ts";
import { ruleText } from "../render/rules.ts";
import type { Answer, Call } from "../verb.ts";
import { listNamed } from "./named.ts";

export async function run(call: Call): Promise<Answer> {
  const list = listNamed(call);
  const before = call.flags.text("before");
  const rule = await ruleOf(call);
  const added = await withNode(call, (node) =>
    node.call(`${list}.add`, { rule, ...(before === undefined ? {} : { before }) }),
  );
  return {
    data: added,
    text: () => `${list} rule ${added.place}: ${ruleText(list, added.rule)}  [${added.id}]`,
  };
}

async function ruleOf(call: Call): Promise<object> {
  const [first = "", key] = call.args;
  if (first === "accept" || first === "reject") return written(call, first, key);
  if (first !== "-" && !first.trimStart().startsWith("{"))
    throw usage(
      `a rule says accept or reject, or is JSON; "${first}" is neither`,
      `catalyst ${call.verb.name} --help`,
    );
  const own = (call.verb.flags ?? []).filter(({ name }) => name !== "before" && call.flags.on(name));
  if (key !== undefined || own.length > 0)
    throw usage("a rule given as JSON takes no further argument or flag but --before");
  return objectOf(await textOrInput(first, "rule"));
}

const given = (all: Readonly<Record<string, unknown>>): object =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));

/** Undefined when nothing is in it. */
function some(all: Readonly<Record<string, unknown>>): object | undefined {
  const entries = given(all);
  return Object.keys(entries).length === 0 ? undefined : entries;
}

function written(call: Call, action: "accept" | "reject", key: string | undefined): object {
  const { flags } = call;
  const shared = flags.list("shared");
  const prefix = flags.text("graph-prefix");
  const joins = flags.on("graph") || prefix !== undefined || shared.length > 0;
  const communities = flags.list("set-community");
  return given({
    peer: flags.text("peer"),
    to: flags.text("to"),
    match: some({
      key,
      organization: flags.text("from"),
      role: flags.text("role"),
      protocol: flags.text("protocol"),
      community: flags.text("community"),
      scope: flags.text("scope"),
      origin: flags.text("origin"),
    }),
    action,
    set: some({
      localPreference: numberFlag(call, "set-preference"),
      cost: numberFlag(call, "set-cost"),
      scope: flags.text("set-scope"),
      communities: communities.length === 0 ? undefined : communities,
      alias: flags.text("alias"),
    }),
    graph: joins ? given({ prefix, shared: shared.length === 0 ? undefined : shared }) : undefined,
    unsafe: flags.on("unsafe") ? true : undefined,
  });
}
