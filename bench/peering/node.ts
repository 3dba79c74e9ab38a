// One side of the benchmark: loop, built-in plugins, driver of sessions, real wire. Both sides are the product's own parts.

import { Loop, type LoopOptions } from "#kernel";
import { type NodeName, type NodeTypes, type PeerIntent, type Rule, State } from "#routing";
import { silentLog, systemClock, systemRandom } from "#rpc";
import { Driver } from "../../src/orchestrator/peering/driver.ts";
import { Exports } from "../../src/orchestrator/peering/exports.ts";
import { LearnedStore } from "../../src/orchestrator/peering/learned-store.ts";
import { openFrameReader } from "../../src/orchestrator/peering/wire/frames.ts";
import { createPeerWire } from "../../src/orchestrator/peering/wire/peer-wire.ts";
import type { Identity } from "../../src/orchestrator/peering/wire/wire.common-case.ts";
import { builtInPlugins } from "../../src/orchestrator/plugins/index.ts";

export interface BenchPeer {
  readonly node: NodeName;
  readonly organization: string;
  readonly trust: string;
  readonly address?: string;
}

/** What happened: "peer.up", "peer.synced", "peer.down". */
export type Say = (kind: string, text: string) => void;

export async function benchNode(identity: Identity, file: string | undefined, say: Say) {
  const { node, organization } = identity;
  const ports: LoopOptions<NodeTypes>["ports"] = { clock: systemClock, random: systemRandom, log: silentLog };
  const loop = new Loop<NodeTypes>({
    store: new State(node),
    plugins: builtInPlugins(),
    ports,
    schedule: (run) => void setImmediate(run),
  });
  const { decodeFrame } = await openFrameReader();
  const wire = await createPeerWire({ node, organization, clock: systemClock, log: silentLog });
  wire.setCertificate(identity);
  const learned =
    file === undefined
      ? undefined
      : new LearnedStore({ ...ports, file, view: loop.view, decode: decodeFrame });
  const exports = new Exports({ node, organization, address: "127.0.0.1:10443" }, loop.view);
  const driver = new Driver({
    ...ports,
    loop,
    wire,
    exports,
    decode: decodeFrame,
    encodings: ["zstd"],
    learned,
    blob: () => Promise.reject(new Error("no content")),
    keys: async () => ({ keys: [] }),
    say: (_level, kind, text) => say(kind, text),
  });
  learned?.standingBy((peer) => driver.standing(peer));
  return {
    loop,
    wire,
    driver,
    learned,
    rules: (imports: readonly Rule[], told: readonly Rule[]) =>
      loop.submit({ kind: "rules.set", rules: { imports, exports: told } }),
    async peer({ node: other, organization: of, trust, address }: BenchPeer): Promise<void> {
      const intent: PeerIntent = {
        node: other,
        organization: of,
        kind: "external",
        role: "lateral",
        onLoss: "depreference",
        limits: { routes: 2_000_000, rate: 1_000_000, bytes: 1 << 30, pathLength: 16 },
        ...(address === undefined ? {} : { address }),
      };
      await driver.configure(intent, { node: other, organization: of, trust, external: true });
    },
  };
}
