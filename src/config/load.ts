// Reads the whole configuration: defaults < files in order < environment < flags, then `--set`. Scalars replace; a list given
// by a later source replaces the list. Either there is a configuration, with the origin of each value, or there are problems,
// and then all of them at once.

import { resolve } from "node:path";
import { crossCheck } from "./check.ts";
import { explain } from "./explain.ts";
import { readConfigFile } from "./files.ts";
import { type Assignment, ROOT, nearestFlag, parseEnv, parseFlags } from "./flags.ts";
import { OPTIONS } from "./flags.generated.ts";
import { type Env, resolvePath } from "./paths.ts";
import { type Problem, configInvalid } from "./problems.ts";
import { type Config, schema } from "./schema.ts";
import { type Path, pathText, shapeAt } from "./shape.ts";
import {
  type Origin,
  type Tree,
  assign,
  emptyTree,
  mapValues,
  merge,
  originAt,
  plain,
  treeAt,
} from "./tree.ts";

export interface LoadRequest {
  /** Paths, later ones over earlier ones. */
  readonly files?: readonly string[] | undefined;
  readonly env?: Env | undefined;
  /** Arguments as on the command line; all of them must be configuration. */
  readonly flags?: readonly string[] | undefined;
  /** Relative paths from environment and flags start here. */
  readonly cwd?: string | undefined;
}

/** What was read, in order; the last one wins. */
export interface ConfigSource {
  readonly kind: "file" | "env" | "flags";
  /** Path of the file, names of the variables, flags. */
  readonly names: readonly string[];
}

/** Plain data all the way: it may cross a process boundary. */
export interface LoadedConfig {
  readonly config: Config;
  /** By key as `pathText` writes it: each option, and each item of a list ("services[0]"). */
  readonly origin: Readonly<Record<string, Origin>>;
  readonly sources: readonly ConfigSource[];
}

/** Throws ERR_CONFIG_INVALID with all problems in `detail`. */
export function loadConfig(request: LoadRequest = {}): LoadedConfig {
  const { env = process.env, cwd = process.cwd() } = request;
  const problems: Problem[] = [];
  const sources: ConfigSource[] = [];
  let tree = emptyTree();
  const lay = (above: Tree, base: string): void => {
    tree = merge(tree, resolvePaths(above, base, env), ROOT);
  };

  let whole = true;
  for (const name of request.files ?? []) {
    const file = resolvePath(name, cwd, env);
    const read = readConfigFile(file);
    problems.push(...read.problems);
    whole &&= read.whole;
    sources.push({ kind: "file", names: [file] });
    lay(read.tree, resolve(file, ".."));
  }
  const fromEnv = parseEnv(env);
  lay(fromEnv.tree, cwd);
  const fromFlags = parseFlags(request.flags ?? []);
  lay(fromFlags.tree, cwd);
  problems.push(...fromEnv.problems, ...fromFlags.problems, ...unknownFlags(fromFlags.rest));
  for (const { path, value } of fromFlags.assignments) {
    const grown = assign(tree, path, resolvePaths(value, cwd, env, path));
    if ("reason" in grown) problems.push({ origin: value.origin, key: pathText(path), reason: grown.reason });
    else tree = grown;
  }
  sources.push(...otherSources(fromEnv.tree, fromFlags));

  return { config: judge(tree, problems, whole), origin: originsOf(tree), sources };
}

/**
 * One service as somebody wrote it outside every file, by the same schema and the same judgement; what is a name of the own
 * organization depends on that. A service names no files, so no path is resolved. Throws ERR_CONFIG_INVALID with all problems,
 * under "services[0]".
 */
export function loadService(service: unknown, organization: string): Config["services"][number] | undefined {
  const flags = ["--organization", organization, "--service", JSON.stringify(service)];
  const { tree, problems } = parseFlags(flags);
  return judge(tree, [...problems], true).services[0];
}

/** The schema's verdict, and that over several keys: what a broken file would have said is unknown, so there is none then. */
function judge(tree: Tree, problems: Problem[], whole: boolean): Config {
  const result = schema.safeParse(plain(tree));
  if (!result.success) problems.push(...explain(result.error.issues, tree));
  if (whole) problems.push(...crossCheck(tree));
  if (!result.success || problems.length > 0) throw configInvalid(problems);
  return result.data;
}

/** What is no flag here is the value of an unknown one before it, and told with that; else it is a stray argument. */
function unknownFlags(rest: readonly string[]): Problem[] {
  return rest.flatMap((argument, index): Problem[] => {
    const isFlag = argument.startsWith("-");
    if (!isFlag && rest[index - 1]?.startsWith("-") === true) return [];
    const [flag = ""] = argument.split("=", 1);
    const meant = isFlag ? nearestFlag(flag, []) : undefined;
    const reason = isFlag ? "is no configuration flag" : "is no flag";
    return [{ origin: { kind: "flag", flag }, key: "", reason, ...(meant === undefined ? {} : { meant }) }];
  });
}

/** Relative paths start at the file that names them, or at the working directory. */
function resolvePaths(tree: Tree, base: string, env: Env, at: Path = []): Tree {
  return mapValues(
    tree,
    (path, value) => {
      const kind = typeof value === "string" && value !== "" ? shapeAt(ROOT, path)?.type : undefined;
      const isPath = kind === "path" || (kind === "module" && /^(\.{0,2}\/|~\/)/.test(String(value)));
      return isPath ? resolvePath(String(value), base, env) : value;
    },
    at,
  );
}

function otherSources(env: Tree, flags: { tree: Tree; assignments: readonly Assignment[] }): ConfigSource[] {
  const names = (tree: Tree): string[] =>
    OPTIONS.flatMap((option) => {
      const found = treeAt(tree, option.key.split("."));
      return found === undefined
        ? []
        : [found.origin.kind === "env" ? found.origin.name : `--${option.flag}`];
    });
  const set = flags.assignments.map(({ path }) => `--set ${pathText(path)}`);
  const found: ConfigSource[] = [
    { kind: "env", names: names(env) },
    { kind: "flags", names: [...names(flags.tree), ...set] },
  ];
  return found.filter((each) => each.names.length > 0);
}

function originsOf(tree: Tree): Record<string, Origin> {
  const origins: Record<string, Origin> = {};
  for (const option of OPTIONS) {
    const path = option.key.split(".");
    const found = treeAt(tree, path);
    origins[option.key] = found === undefined ? { kind: "default" } : found.origin;
    if (found?.content.type !== "list") continue;
    for (const index of found.content.items.keys()) {
      origins[pathText([...path, index])] = originAt(tree, [...path, index]);
    }
  }
  return origins;
}
