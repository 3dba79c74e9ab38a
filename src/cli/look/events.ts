// `catalyst events [--follow]`: what happened, and with --follow what happens, until Ctrl-C or the node's end.

import { connectNode, withNode } from "../client.ts";
import { numberFlag } from "../input.ts";
import { eventLine } from "../render/events.ts";
import type { Answer, Call } from "../verb.ts";

export async function run(call: Call): Promise<Answer | number> {
  const after = numberFlag(call, "after");
  const limit = numberFlag(call, "limit");
  const asked = { ...(after === undefined ? {} : { after }), ...(limit === undefined ? {} : { limit }) };
  if (call.flags.on("follow")) return await follow(call, asked);
  const events = await withNode(call, (node) => node.call("events", asked));
  return {
    data: events,
    text: (style) => events.map((each) => eventLine(each, style)).join("\n"),
    ...(events.length === 0 ? { note: "no events" } : {}),
  };
}

async function follow(call: Call, asked: { after?: number; limit?: number }): Promise<number> {
  const { out, signal } = call;
  const node = await connectNode(call);
  try {
    const past = await node.call("events", asked);
    for (const event of past) out.record(event, (style) => eventLine(event, style));
    const last = past.at(-1)?.sequence ?? asked.after;
    await node.session.stub.follow(last === undefined ? {} : { after: last }, (events) => {
      for (const event of events) out.record(event, (style) => eventLine(event, style));
    });
    const interrupted = new Promise<undefined>((resolve) => {
      signal.addEventListener("abort", () => resolve(undefined), { once: true });
      if (signal.aborted) resolve(undefined);
    });
    const ended = await Promise.race([node.session.closed, interrupted]);
    if (ended !== undefined && !signal.aborted) throw ended;
    return 0;
  } finally {
    node.session.close();
  }
}
