// `catalyst key jwks`: the key set as verifiers read it; JSON in both forms, because that is what it is for.

import { withNode } from "../client.ts";
import type { Answer, Call } from "../verb.ts";

export async function run(call: Call): Promise<Answer> {
  const { keys } = await withNode(call, (node) => node.call("key.jwks", {}));
  return { data: { keys }, text: () => JSON.stringify({ keys }, null, 2) };
}
