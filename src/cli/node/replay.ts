// `catalyst replay FILE`: hands over to the replay of a recorded run.

import type { Call } from "../verb.ts";

export async function run({ args, globals }: Call): Promise<number> {
  const { replay } = await import("../replay.ts");
  return await replay({ file: args[0] ?? "", json: globals.json });
}
