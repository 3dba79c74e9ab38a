// `catalyst peer show PEER`

import { withNode } from "../client.ts";
import { peerText } from "../render/peers.ts";
import type { Answer, Call } from "../verb.ts";

export async function run(call: Call): Promise<Answer> {
  const node = call.args[0] ?? "";
  const peer = await withNode(call, (session) => session.call("peer.show", { node }));
  return { data: peer, text: (style) => peerText(peer, style) };
}
