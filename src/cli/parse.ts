// From arguments to a verb. Which verb it is decides what may follow, so it is found first, without anything heavy; its own
// arguments are read after that (arguments.ts).

import { nearest } from "#config";
import { usage } from "./failure.ts";
import { durationOf } from "./input.ts";
import { DEFAULT_TIMEOUT_MS, type Globals, type Verb } from "./verb.ts";
import { ALIASES, VERBS } from "./verbs.ts";

export interface GlobalFlag {
  readonly name: string;
  readonly value?: string;
  readonly text: string;
}

export const GLOBAL_FLAGS: readonly GlobalFlag[] = [
  { name: "data-dir", value: "DIR", text: "the node with this data directory" },
  { name: "node", value: "NAME", text: "the node of this name" },
  { name: "json", text: "the answer as JSON" },
  { name: "no-color", text: "no colour, also on a terminal" },
  { name: "quiet", text: "only the answer, no words beside it" },
  { name: "timeout", value: "DURATION", text: "longest wait for the node, default 10s" },
];

export type Parsed =
  | { readonly kind: "help"; readonly words: readonly string[] }
  | {
      readonly kind: "verb";
      readonly verb: Verb;
      readonly argv: readonly string[];
      readonly globals: Globals;
    };

export function parse(argv: readonly string[]): Parsed {
  const end = argv.indexOf("--");
  const before = end < 0 ? argv : argv.slice(0, end);
  const { leading, words, rest } = split(argv);
  const [first] = words;
  const wantsHelp =
    before.includes("--help") || before.includes("-h") || first === "help" || argv.length === 0;
  if (wantsHelp) {
    const asked =
      first === "help" ? words.slice(1).concat(rest.filter((each) => !each.startsWith("-"))) : words;
    return { kind: "help", words: asked };
  }
  if (before.includes("--version") || before.includes("-V"))
    return parse(["version", ...leading.filter(isJson)]);
  const verb = verbOf(words, rest);
  const own =
    words.length > verb.name.split(" ").length
      ? [...words.slice(verb.name.split(" ").length), ...rest]
      : rest;
  const all = [...leading, ...own];
  return { kind: "verb", verb, argv: all, globals: globalsOf(all) };
}

const isJson = (argument: string): boolean => argument === "--json";

/** Global flags before the verb, the verb's words, and what follows. */
function split(argv: readonly string[]): { leading: string[]; words: string[]; rest: string[] } {
  const leading: string[] = [];
  let index = 0;
  while (argv[index]?.startsWith("-") === true && argv[index] !== "--") {
    const argument = argv[index] ?? "";
    leading.push(argument);
    index++;
    const flag = GLOBAL_FLAGS.find(({ name }) => `--${name}` === argument);
    if (flag?.value !== undefined && index < argv.length) leading.push(argv[index++] ?? "");
  }
  const words: string[] = [];
  while (words.length < 2 && index < argv.length && argv[index]?.startsWith("-") === false) {
    words.push(argv[index++] ?? "");
    const noun = words[0] ?? "";
    if (words.length === 1 && !isNoun(noun)) break;
  }
  return { leading, words, rest: argv.slice(index) };
}

export const isNoun = (word: string): boolean =>
  VERBS.some(({ name }) => name.startsWith(`${ALIASES[word] ?? word} `));

export const verbsOf = (noun: string): readonly Verb[] =>
  VERBS.filter(({ name }) => name.startsWith(`${ALIASES[noun] ?? noun} `));

function verbOf(words: readonly string[], rest: readonly string[]): Verb {
  const [first, second] = words;
  if (first === undefined) throw usage("a verb is missing", "catalyst --help");
  const noun = ALIASES[first] ?? first;
  const found = VERBS.find(({ name }) => name === noun || name === `${noun} ${second ?? ""}`);
  if (found !== undefined) return found;
  if (isNoun(first)) {
    const verbs = verbsOf(first).map(({ name }) => name.split(" ")[1] ?? "");
    const [given = second] = second === undefined ? rest : [];
    if (given === undefined || given.startsWith("-")) {
      throw usage(`what about ${first}? one of ${verbs.join(", ")}`, `catalyst ${first} --help`);
    }
    throw unknown(`"${first}" has no verb "${given}"`, nearest(given, verbs), `catalyst ${first}`);
  }
  const known = [...new Set(VERBS.map(({ name }) => name.split(" ")[0] ?? "")), ...Object.keys(ALIASES)];
  const meant = nearest(first, known);
  // "list services", "add service": the words in the other order.
  const turned = VERBS.find(({ name }) => name === `${singular(second ?? rest[0] ?? "")} ${first}`)?.name;
  throw unknown(`unknown verb "${first}"`, turned ?? meant, "catalyst");
}

const singular = (word: string): string => word.replace(/s$/, "");

const unknown = (message: string, meant: string | undefined, prefix: string) =>
  meant === undefined
    ? usage(message, `${prefix} --help`)
    : usage(`${message}; did you mean "${meant}"?`, `${prefix} ${meant} --help`);

/** Global flags wherever they stand; their form was checked by commander. */
export function globalsOf(all: readonly string[]): Globals {
  const end = all.indexOf("--");
  const argv = end < 0 ? all : all.slice(0, end);
  const text = (name: string): string | undefined => {
    const at = argv.findLastIndex((each) => each === `--${name}` || each.startsWith(`--${name}=`));
    const found = argv[at];
    if (found === undefined) return undefined;
    return found.includes("=") ? found.slice(found.indexOf("=") + 1) : argv[at + 1];
  };
  const timeout = text("timeout");
  const timeoutMs = timeout === undefined ? DEFAULT_TIMEOUT_MS : durationOf(timeout, "timeout");
  return {
    dataDir: text("data-dir"),
    node: text("node"),
    json: argv.includes("--json"),
    color: !argv.includes("--no-color"),
    quiet: argv.includes("--quiet"),
    timeoutMs,
  };
}
