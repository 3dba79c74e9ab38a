// Which files a verb reads when it names none: CATALYST_CONFIG (paths separated by ":"), else the file of this folder. No file
// is an answer too: a node runs without one.

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Env } from "./paths.ts";

/** Looked for in the working directory, in this order. */
export const DEFAULT_FILES = ["catalyst.json", "catalyst.jsonc"] as const;

export function configFiles(
  given: readonly string[],
  env: Env = process.env,
  cwd: string = process.cwd(),
): readonly string[] {
  if (given.length > 0) return given;
  const named = (env["CATALYST_CONFIG"] ?? "").split(":").filter((each) => each !== "");
  if (named.length > 0) return named;
  const found = DEFAULT_FILES.find((each) => existsSync(join(cwd, each)));
  return found === undefined ? [] : [found];
}
