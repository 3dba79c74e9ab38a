// `catalyst config flags FILE`: the same configuration as a command line, or as an environment.

import { toEnv, toFlags } from "#config";
import { configOf } from "../config-source.ts";
import type { Answer, Call } from "../verb.ts";

export async function run(call: Call): Promise<Answer> {
  const { config } = await configOf(call);
  if (call.flags.on("env")) {
    const env = toEnv(config);
    const lines = Object.entries(env).map(([name, value]) => `${name}=${quote(value)}`);
    return { data: env, text: () => lines.join("\n") };
  }
  const flags = toFlags(config);
  return { data: flags, text: () => ["catalyst run", ...joined(flags)].join(" \\\n  ") };
}

/** One flag with its value a line. */
function joined(flags: readonly string[]): string[] {
  const lines: string[] = [];
  for (let index = 0; index < flags.length; index++) {
    const flag = quote(flags[index] ?? "");
    const next = flags[index + 1];
    const takes = next !== undefined && !next.startsWith("--");
    lines.push(takes ? `${flag} ${quote(next)}` : flag);
    if (takes) index++;
  }
  return lines;
}

/** For a POSIX shell. */
export const quote = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
