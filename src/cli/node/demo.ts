// `catalyst demo`: hands over to the demonstration.

import { numberFlag } from "../input.ts";
import type { Call } from "../verb.ts";

export async function run(call: Call): Promise<number> {
  const { flags, globals } = call;
  const [{ demo }, { topologyOf }] = await Promise.all([
    import("../demo/index.ts"),
    import("../demo/topology.ts"),
  ]);
  const topology = topologyOf(numberFlag(call, "nodes"), flags.text("topology"));
  return await demo({ once: flags.on("once"), keep: flags.on("keep"), json: globals.json, topology });
}
