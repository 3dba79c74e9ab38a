// Help out of the verb table: of the program, of a noun, of a verb. Plain lines, the same on every terminal, so that they can
// be compared and quoted.

import { OPTIONS, nearest } from "#config";
import { usage } from "./failure.ts";
import { GLOBAL_FLAGS, isNoun, verbsOf } from "./parse.ts";
import type { Verb } from "./verb.ts";
import { ALIASES, GROUPS, VERBS } from "./verbs.ts";

type Row = readonly [left: string, right: string];

/** Help for the words of a verb; none = the whole program. */
export function helpText(words: readonly string[]): string {
  const [first, second] = words;
  if (first === undefined) return programHelp();
  const noun = ALIASES[first] ?? first;
  const verb = VERBS.find(({ name }) => name === noun || name === `${noun} ${second ?? ""}`);
  if (verb !== undefined) return verbHelp(verb);
  if (isNoun(first)) return nounHelp(noun);
  const meant = nearest(first, [...VERBS.map(({ name }) => name.split(" ")[0] ?? "")]);
  throw usage(
    `unknown verb "${first}"${meant === undefined ? "" : `; did you mean "${meant}"?`}`,
    "catalyst --help",
  );
}

const rows = (given: readonly Row[], width = Math.max(...given.map(([left]) => left.length))): string =>
  given.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`.trimEnd()).join("\n");

const synopsis = (verb: Verb): string => {
  const args = (verb.args ?? []).map(({ name, optional, many }) => {
    const shown = many === true ? `${name}...` : name;
    return optional === true ? `[${shown}]` : shown;
  });
  return [verb.name, ...args].join(" ");
};

function programHelp(): string {
  const width = Math.max(...VERBS.map((verb) => synopsis(verb).length));
  const groups = GROUPS.map(
    ([title, verbs]) =>
      `${title}:\n${rows(
        verbs.map((verb) => [synopsis(verb), verb.summary]),
        width,
      )}`,
  );
  return [
    "catalyst: services of one organization, appearing in another",
    "Usage: catalyst VERB [ARGUMENTS] [FLAGS]",
    ...groups,
    `Flags of every verb:\n${rows([...globalRows(), ["--help", "help for a verb, or for a noun"]])}`,
    "First steps: catalyst demo, then catalyst status. Exit codes and error form: docs/reference/cli.md",
  ].join("\n\n");
}

function nounHelp(noun: string): string {
  const verbs = verbsOf(noun);
  const alias = Object.entries(ALIASES).find(([, name]) => name === noun)?.[0];
  return [
    `Usage: catalyst ${noun} VERB${alias === undefined ? "" : ` (also: catalyst ${alias})`}`,
    rows(verbs.map((verb) => [synopsis(verb), verb.summary])),
    `More: catalyst ${verbs[0]?.name ?? noun} --help`,
  ].join("\n\n");
}

const flagName = ({ name, value }: { readonly name: string; readonly value?: string }): string =>
  value === undefined ? `--${name}` : `--${name} ${value}`;

function globalRows(own: readonly string[] = []): Row[] {
  return GLOBAL_FLAGS.filter(({ name }) => !own.includes(name)).map((flag) => [flagName(flag), flag.text]);
}

export function verbHelp(verb: Verb): string {
  const parts = [`${capital(verb.summary)}.`, `Usage: catalyst ${synopsis(verb)} [FLAGS]`];
  if (verb.args !== undefined)
    parts.push(`Arguments:\n${rows(verb.args.map(({ name, text }) => [name, text]))}`);
  if (verb.flags !== undefined) {
    const given = verb.flags.map((flag): Row => [
      flagName(flag),
      flag.many === true ? `${flag.text}; may be repeated` : flag.text,
    ]);
    parts.push(`Flags:\n${rows(given)}`);
  }
  const own = [
    ...(verb.flags ?? []).map(({ name }) => name),
    ...(verb.config === true ? ["data-dir", "node"] : []),
  ];
  if (verb.config === true)
    parts.push(`Configuration (docs/reference/configuration.md):\n${rows(configRows())}`);
  parts.push(`Flags of every verb:\n${rows(globalRows(own))}`);
  const examples = verb.examples.map(([command, text]): Row => [
    `catalyst ${command}`,
    text === "" ? "" : `# ${text}`,
  ]);
  parts.push(`Examples:\n${rows(examples)}`);
  return parts.join("\n\n");
}

const capital = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;

function configRows(): Row[] {
  const options = OPTIONS.map((option): Row => {
    const { shape, flag, text } = option;
    const value = shape.type === "boolean" ? "" : ` ${valueName(shape)}`;
    const standard = shape.type === "list" ? "; may be repeated" : defaultText(option.default);
    return [`--${flag}${value}`, `${text}${standard}`];
  });
  return [
    ...options,
    ["--set KEY=VALUE", "any place of the configuration, as in services[0].probe.interval=5s"],
  ];
}

const defaultText = (value: unknown): string =>
  value === undefined || value === false
    ? ""
    : `; default ${typeof value === "string" ? value : JSON.stringify(value)}`;

function valueName(shape: (typeof OPTIONS)[number]["shape"]): string {
  if (shape.type === "enum") return shape.values.join("|");
  if (shape.type === "list" || shape.type === "record" || shape.type === "either") return "KEY=VALUE,...";
  return shape.type === "module" ? "PATH" : shape.type.toUpperCase();
}
