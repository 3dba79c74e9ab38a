// `catalyst config validate`: exit code 0, or 65 with every problem.

import { configOf } from "../config-source.ts";
import type { Answer, Call } from "../verb.ts";

export async function run(call: Call): Promise<Answer> {
  const { config, sources } = await configOf(call);
  const from = sources.map(({ names }) => names.join(", "));
  return {
    data: { ok: true, sources, services: config.services.length },
    text: (style) => `${style.green("good")}: ${from.length === 0 ? "defaults alone" : from.join("; ")}`,
  };
}
