// `catalyst peer diff FILE`: what the rules in a file would change. The file is read as a configuration, so a whole one may be given and
// mistakes have a line; a list that it does not have stays as it is.

import { ROOT, encode, loadConfig } from "#config";
import type { AdminVerbs } from "#rpc";
import { type NodeClient, withNode } from "../client.ts";
import { usage } from "../failure.ts";
import { textOrInput } from "../input.ts";
import { differenceText } from "../render/peers.ts";
import { type Answer, type Call, DEFAULT_TIMEOUT_MS } from "../verb.ts";

type Lists = AdminVerbs["peer.diff"]["args"];

export async function run(call: Call): Promise<Answer> {
  const file = call.args[0] ?? "";
  // Every name of the table is judged anew.
  const deadline = Math.max(call.globals.timeoutMs, 6 * DEFAULT_TIMEOUT_MS);
  const differences = await withNode(call, async (node) => {
    const lists = file === "-" ? await readInput() : await readFile(file, call, node);
    if (lists.imports === undefined && lists.exports === undefined) {
      const hint = 'as in the configuration: {"imports": [...], "exports": [...]}';
      throw usage(`${file === "-" ? "the input" : file} has neither "imports" nor "exports"`, hint);
    }
    return await node.call("peer.diff", lists, deadline);
  });
  return { data: differences, text: (style) => differenceText(differences, style) };
}

async function readFile(file: string, { cwd }: Call, node: NodeClient): Promise<Lists> {
  // What is a name of the own organization depends on the node.
  const { organization } = await node.call("identity", {});
  const flags = ["--organization", organization];
  const { config, origin } = await loadConfig({ files: [file], env: {}, flags, cwd });
  const written = encode(ROOT, config) as { imports: unknown[]; exports: unknown[] };
  const given = (key: "imports" | "exports"): boolean => origin[key]?.kind === "file";
  return {
    ...(given("imports") ? { imports: written.imports } : {}),
    ...(given("exports") ? { exports: written.exports } : {}),
  };
}

async function readInput(): Promise<Lists> {
  const { imports, exports } = objectOf(await textOrInput("-", "rules"));
  return { ...listOf("imports", imports), ...listOf("exports", exports) };
}

function listOf(key: "imports" | "exports", list: unknown): Lists {
  if (list === undefined) return {};
  if (!Array.isArray(list)) throw usage(`"${key}" must be a list of rules`);
  return { [key]: list as unknown[] };
}

export function objectOf(text: string): Readonly<Record<string, unknown>> {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch (error) {
    throw usage(`it is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof read === "object" && read !== null && !Array.isArray(read)) return { ...read };
  throw usage("it must be a JSON object");
}
