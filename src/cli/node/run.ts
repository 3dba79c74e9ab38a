// `catalyst run`: hands over to the node.

import type { Call } from "../verb.ts";

export async function run({ args, flags, configFlags, out, env, cwd }: Call): Promise<number> {
  const { run: runNode } = await import("../run.ts");
  return await runNode({
    files: args,
    configFlags,
    role: flags.text("role"),
    record: flags.text("record"),
    text: out.isTerminal && !out.json,
    env,
    cwd,
  });
}
