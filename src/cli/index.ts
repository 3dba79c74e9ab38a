// The door of the command line: its table of verbs, for generators and tests. The program itself is main.ts.

export { helpText, verbHelp } from "./help.ts";
export { GLOBAL_FLAGS } from "./parse.ts";
export type { Argument, Flag, Verb } from "./verb.ts";
export { ALIASES, GROUPS, VERBS } from "./verbs.ts";
