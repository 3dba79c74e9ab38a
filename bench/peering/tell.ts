// The side that tells, in a process of its own: as many own services as asked, all exported, each with two labels of its own. Run by
// index.ts with what the receiver said of itself.

import type { Identity } from "../../src/orchestrator/peering/wire/wire.common-case.ts";
import { PROBE } from "../../test/kit/node-loop.ts";
import { type BenchPeer, benchNode } from "./node.ts";

export interface TellOrder {
  readonly identity: Identity;
  readonly count: number;
  readonly peer: BenchPeer;
}

const { identity, count, peer } = JSON.parse(process.argv[2] ?? "") as TellOrder;
let began = process.cpuUsage();
const node = await benchNode(identity, undefined, (kind, text) => {
  if (kind === "peer.down") console.error(`teller: ${text}`);
  if (kind === "peer.up") began = process.cpuUsage();
  if (kind !== "peer.synced") return;
  const { user, system } = process.cpuUsage(began);
  process.send?.({ us: (user + system) / count });
});
const url = "http://127.0.0.1:5001";
await node.rules([], [{ match: { key: "*" }, action: "accept" }]);
for (let i = 0; i < count; i++) {
  const name = `s${i}.${identity.organization}`;
  const labels = { version: `1.${i}`, team: `team-${i % 977}` };
  const intent = {
    name,
    protocol: "http" as const,
    owner: { kind: "admin" as const },
    endpoints: [url],
    probe: PROBE,
    timeoutMs: 5_000,
    export: true,
    labels,
  };
  if (!node.loop.hasRoom) await node.loop.space();
  node.loop.push({ kind: "service.add", intent });
  if (!node.loop.hasRoom) await node.loop.space();
  node.loop.push({ kind: "probe.result", service: name, endpoint: url, ok: true });
}
await node.peer(peer);
node.driver.start();
