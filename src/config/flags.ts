// Configuration as command line and as environment, both ways. `--ingress-listen 0.0.0.0:80`, `--service name=…` once per item,
// `--envoy-disabled` or `--envoy-disabled=false`, and for everything else `--set services[0].probe.interval=5s`.
// Invariant: reading what was written gives the same configuration (flags.property.test.ts). The table is plain data: neither
// this file nor what it imports loads the validator.

import { OPTIONS } from "./flags.generated.ts";
import { nearest } from "./nearest.ts";
import type { Problem } from "./problems.ts";
import {
  type Option,
  type Path,
  type Shape,
  encode,
  isObject,
  readPath,
  rootShape,
  shapeAt,
  withoutDefaults,
} from "./shape.ts";
import { readItems, readText, writeText } from "./text.ts";
import { type Tree, assign, emptyTree, treeOf } from "./tree.ts";

export const ROOT: Shape = rootShape(OPTIONS);
const BY_FLAG: ReadonlyMap<string, Option> = new Map(OPTIONS.map((each) => [each.flag, each]));
const BY_ENV: ReadonlyMap<string, Option> = new Map(OPTIONS.map((each) => [each.env, each]));

/** Variables of that prefix with another reader: launcher, SDK, command line. */
export const OTHER_VARIABLES: readonly string[] = [
  "CATALYST_CONFIG",
  "CATALYST_NODE",
  "CATALYST_SDK_URL",
  "CATALYST_TOKEN",
];

/** What Kubernetes puts into each container for a Service named "catalyst". */
const SERVICE_LINK = /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?)$/;

/** `--set`: laid over all sources, because it may name one item of a list that a file gives. */
export interface Assignment {
  readonly path: Path;
  readonly value: Tree;
}

export interface ParsedFlags {
  readonly tree: Tree;
  readonly assignments: readonly Assignment[];
  /** Arguments that are configuration, in order. */
  readonly taken: readonly string[];
  /** Arguments that are not, in order. */
  readonly rest: readonly string[];
  readonly problems: readonly Problem[];
}

/** Takes the configuration out of a command line; what it does not know is left in `rest`. */
export function parseFlags(argv: readonly string[]): ParsedFlags {
  const parsed = {
    values: new Map<string, unknown>(),
    assignments: [] as Assignment[],
    taken: [] as string[],
    rest: [] as string[],
  };
  const problems: Problem[] = [];
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index] ?? "";
    if (argument === "--") {
      parsed.rest.push(...argv.slice(index));
      break;
    }
    const [, flag = "", inline] = /^--([A-Za-z][\w-]*)(?:=(.*))?$/s.exec(argument) ?? [];
    const option = BY_FLAG.get(flag);
    if (option === undefined && flag !== "set") {
      parsed.rest.push(argument);
      continue;
    }
    const next = argv[index + 1];
    const follows = inline === undefined && option?.shape.type !== "boolean";
    const text = inline ?? (follows ? next : "true");
    if (text === undefined || (follows && text.startsWith("--"))) {
      parsed.taken.push(argument);
      problems.push(flagProblem(flag, option?.key ?? "", "needs a value"));
      continue;
    }
    parsed.taken.push(argument, ...(follows ? [text] : []));
    if (follows) index++;
    const problem =
      option === undefined ? readSet(text, parsed.assignments) : readFlag(option, text, parsed.values);
    if (problem !== undefined) problems.push(problem);
  }
  return { tree: treeFrom(parsed.values, (option) => `--${option.flag}`, "flag"), ...parsed, problems };
}

const flagProblem = (flag: string, key: string, reason: string): Problem => ({
  origin: { kind: "flag", flag: `--${flag}` },
  key,
  reason,
});

function readFlag(option: Option, text: string, values: Map<string, unknown>): Problem | undefined {
  const before = values.get(option.key);
  if (option.shape.type === "list") {
    values.set(option.key, [
      ...(Array.isArray(before) ? (before as unknown[]) : []),
      ...readItems(option.shape, text),
    ]);
  } else if (before === undefined) {
    values.set(option.key, readText(option.shape, text));
  } else {
    return flagProblem(option.flag, option.key, "is given twice");
  }
  return undefined;
}

function readSet(text: string, assignments: Assignment[]): Problem | undefined {
  // The path may hold a quoted key with "=" in it, so the first "=" behind a readable path counts.
  for (let at = text.indexOf("="); at > 0; at = text.indexOf("=", at + 1)) {
    const path = readPath(text.slice(0, at));
    if (path === undefined) continue;
    const origin = { kind: "flag", flag: `--set ${text.slice(0, at)}` } as const;
    assignments.push({ path, value: treeOf(readText(shapeAt(ROOT, path), text.slice(at + 1)), origin) });
    return undefined;
  }
  return flagProblem("set", "", 'must be "key=value", as in --set services[0].probe.interval=5s');
}

function treeFrom(
  values: ReadonlyMap<string, unknown>,
  nameOf: (option: Option) => string,
  kind: "flag" | "env",
): Tree {
  let tree = emptyTree();
  for (const option of OPTIONS) {
    if (!values.has(option.key)) continue;
    const name = nameOf(option);
    const origin = kind === "flag" ? { kind, flag: name } : { kind, name };
    const value = treeOf(values.get(option.key), origin);
    const grown = assign(tree, option.key.split("."), value);
    if (!("reason" in grown)) tree = grown;
  }
  return tree;
}

/** The configuration that the environment holds. */
export function parseEnv(env: Readonly<Record<string, string | undefined>>): {
  tree: Tree;
  problems: Problem[];
} {
  const values = new Map<string, unknown>();
  const problems: Problem[] = [];
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith("CATALYST_") || text === undefined || OTHER_VARIABLES.includes(name)) continue;
    const option = BY_ENV.get(name);
    if (option !== undefined) values.set(option.key, readText(option.shape, text));
    else if (!SERVICE_LINK.test(name)) {
      const meant = nearest(name, BY_ENV.keys());
      const reason = "no configuration variable of this name";
      problems.push({
        origin: { kind: "env", name },
        key: "",
        reason,
        ...(meant === undefined ? {} : { meant }),
      });
    }
  }
  return { tree: treeFrom(values, (option) => option.env, "env"), problems };
}

/** Each option that a configuration sets otherwise than by default, as a user would write it. */
function* settings(config: unknown): Generator<readonly [Option, unknown]> {
  const asked = withoutDefaults(ROOT, encode(ROOT, config));
  for (const option of OPTIONS) {
    const value = option.key
      .split(".")
      .reduce<unknown>((at, step) => (isObject(at) ? at[step] : undefined), asked);
    if (value !== undefined) yield [option, value];
  }
}

/** The command line that gives this configuration; one string an argument, `--flag value` as two. */
export function toFlags(config: object): string[] {
  return [...settings(config)].flatMap(([option, value]) => {
    const flag = `--${option.flag}`;
    if (value === true) return [flag];
    if (option.shape.type === "boolean") return [`${flag}=${String(value)}`];
    const { shape } = option;
    const each = shape.type === "list" && Array.isArray(value) ? (value as unknown[]) : [value];
    if (each.length === 0) return [flag, "[]"];
    const item = shape.type === "list" ? shape.of : shape;
    const texts = each.map((one) => writeText(item, one));
    return texts.flatMap((text) =>
      text.startsWith("--") || text === "" ? [`${flag}=${text}`] : [flag, text],
    );
  });
}

/** The environment that gives this configuration. */
export const toEnv = (config: object): Record<string, string> =>
  Object.fromEntries(
    [...settings(config)].map(([option, value]) => [option.env, writeText(option.shape, value)]),
  );

/** The flag (with hyphens) nearest to a mistyped one, among these and those of the configuration. */
export const nearestFlag = (flag: string, others: readonly string[]): string | undefined =>
  nearest(flag, [...others, "--set", ...OPTIONS.map((each) => `--${each.flag}`)]);
