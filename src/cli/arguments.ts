// A verb's own arguments and flags, read by commander; those of the configuration are taken out before, by the configuration's
// own table. Every mistake becomes one sentence with the nearest word that was probably meant.

import { Command, CommanderError, Option } from "commander";
import { nearest, nearestFlag, parseFlags } from "#config";
import { usage } from "./failure.ts";
import { GLOBAL_FLAGS } from "./parse.ts";
import { Flags, type Verb } from "./verb.ts";

export interface Arguments {
  readonly args: readonly string[];
  readonly flags: Flags;
  readonly configFlags: readonly string[];
}

export function readArguments(verb: Verb, argv: readonly string[]): Arguments {
  let rest = argv;
  let configFlags: readonly string[] = [];
  if (verb.config === true) {
    const parsed = parseFlags(argv);
    rest = parsed.rest;
    configFlags = parsed.taken;
  }
  const command = commandOf(verb);
  try {
    command.parse([...rest], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) throw usageOf(error, verb);
    throw error;
  }
  const values = new Map<string, readonly string[]>();
  const options: Readonly<Record<string, unknown>> = command.opts();
  for (const { name } of verb.flags ?? []) {
    const value = options[camel(name)];
    if (value !== undefined) values.set(name, Array.isArray(value) ? value.map(String) : [String(value)]);
  }
  return { args: command.args, flags: new Flags(values), configFlags };
}

const camel = (name: string): string =>
  name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

function commandOf(verb: Verb): Command {
  const command = new Command(verb.name)
    .exitOverride()
    .helpOption(false)
    .configureOutput({
      writeErr: () => undefined,
      writeOut: () => undefined,
    });
  for (const { name, optional, many } of verb.args ?? []) {
    const inside = many === true ? `${name}...` : name;
    command.argument(optional === true ? `[${inside}]` : `<${inside}>`);
  }
  for (const { name, value, many } of verb.flags ?? []) {
    const option = new Option(value === undefined ? `--${name}` : `--${name} <${value}>`);
    if (many === true)
      option.argParser((each: string, before: string[] | undefined) => [...(before ?? []), each]);
    command.addOption(option);
  }
  for (const { name, value } of GLOBAL_FLAGS) {
    // Commander turns --no-x into "x is false"; this way it stays a flag of its own.
    const option = new Option(value === undefined ? `--${name}` : `--${name} <${value}>`);
    if (!(verb.flags ?? []).some((each) => each.name === name)) command.addOption(option);
  }
  return command;
}

function usageOf(error: CommanderError, verb: Verb): Error {
  const help = `catalyst ${verb.name} --help`;
  const quoted = /'([^']*)'/.exec(error.message)?.[1] ?? "";
  switch (error.code) {
    case "commander.unknownOption": {
      const [flag = ""] = quoted.split("=", 1);
      const own = [...(verb.flags ?? []), ...GLOBAL_FLAGS].map(({ name }) => `--${name}`);
      const meant = verb.config === true ? nearestFlag(flag, own) : nearest(flag, own);
      return usage(`unknown flag "${flag}"${meant === undefined ? "" : `; did you mean "${meant}"?`}`, help);
    }
    case "commander.missingArgument":
      return usage(`${quoted} is missing`, help);
    case "commander.excessArguments":
      return usage(`too many arguments for "${verb.name}"`, help);
    case "commander.optionMissingArgument":
      return usage(`the flag ${quoted.split(" ")[0] ?? quoted} needs a value`, help);
    default:
      return usage(error.message.replace(/^error: /, ""), help);
  }
}
