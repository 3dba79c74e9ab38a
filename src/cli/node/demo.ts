// `catalyst demo`: hands over to the demonstration.

import type { Call } from "../verb.ts";

export async function run({ flags, globals }: Call): Promise<number> {
  const { demo } = await import("../demo/index.ts");
  return await demo({ once: flags.on("once"), keep: flags.on("keep"), json: globals.json });
}
