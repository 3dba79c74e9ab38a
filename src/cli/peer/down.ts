// `catalyst peer down PEER [REASON]`

import { withNode } from "../client.ts";
import { peerText } from "../render/peers.ts";
import type { Answer, Call } from "../verb.ts";

export async function run(call: Call): Promise<Answer> {
  const [node = "", reason] = call.args;
  const asked = { node, ...(reason === undefined || reason === "" ? {} : { reason }) };
  const peer = await withNode(call, (session) => session.call("peer.down", asked));
  return { data: peer, text: (style) => peerText(peer, style) };
}
