// `catalyst init`: writes a configuration that holds what was asked for and nothing else, the node's directories and its keys
// (own-keys.ts). Whatever is there already is left alone: a second `init` must not cost anybody a key or a comment. The file
// comes last, so that an `init` that failed can be given again.

import { existsSync, writeFileSync } from "node:fs";
import { dirname, relative } from "node:path";
import {
  ROOT,
  encode,
  loadConfig,
  pathsIn,
  prepareDirectories,
  resolveNode,
  resolvePath,
  withoutDefaults,
} from "#config";
import { CatalystError } from "#rpc";
import { initText } from "../render/init.ts";
import { systemErrorName } from "../system-error.ts";
import type { Answer, Call } from "../verb.ts";
import { makeKeys } from "./own-keys.ts";

export async function run({ args, configFlags, cwd, env }: Call): Promise<Answer> {
  const file = resolvePath(args[0] ?? "catalyst.json", cwd, env);
  const { config } = await loadConfig({ env: {}, flags: configFlags, cwd });
  if (existsSync(file)) throw taken(file);
  const names = resolveNode(config, env);
  const content = { node: names.label, ...(withoutDefaults(ROOT, encode(ROOT, config)) as object) };
  prepareDirectories(pathsIn(names.dataDir, env));
  const keys = await makeKeys(names, config);
  write(file, content);
  const shown = relative(cwd, file).startsWith("..") ? file : relative(cwd, file);
  const start = dirname(file) === cwd && shown === "catalyst.json" ? "catalyst run" : `catalyst run ${shown}`;
  const data = { file, node: names.node, dataDir: names.dataDir, config: content, ...keys };
  return { data, text: (style) => initText({ ...data, shown, start }, style) };
}

const taken = (file: string): CatalystError =>
  new CatalystError("ERR_ALREADY_EXISTS", `${file} is there already and stays as it is`, {
    hint: "catalyst init OTHER.json, or remove the file first",
  });

function write(file: string, content: object): void {
  try {
    // "wx": a file that came into being since the check is not overwritten either.
    writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`, { flag: "wx" });
  } catch (cause) {
    if (systemErrorName(cause) === "EEXIST") throw taken(file);
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CatalystError("ERR_PERMISSION", `cannot write ${file}: ${reason}`, { cause });
  }
}
