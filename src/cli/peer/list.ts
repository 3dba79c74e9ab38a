// `catalyst peer list`

import { withNode } from "../client.ts";
import { peerTable } from "../render/peers.ts";
import type { Answer, Call } from "../verb.ts";

export async function run(call: Call): Promise<Answer> {
  const peers = await withNode(call, (node) => node.call("peer.list", {}));
  return { data: peers, text: (style) => peerTable(peers, style) };
}
