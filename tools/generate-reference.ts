// Reference pages that come from tables of the program: error codes, the command line, the shapes of `--json`.

import { z } from "zod";
import { EXIT, exitCode } from "../src/cli/failure.ts";
import { ALIASES, GROUPS, GLOBAL_FLAGS, type Verb } from "../src/cli/index.ts";
import { CatalystError, ERRORS, isErrorCode } from "../src/rpc/errors.ts";
import type { Generated } from "./generate.ts";
import { JSON_SHAPES } from "./json-shapes.ts";

export async function generateReference(): Promise<Generated> {
  const shapes = Object.entries(JSON_SHAPES).map(
    ([verb, shape]) => [`docs/reference/json/${fileOf(verb)}`, jsonText(verb, shape)] as const,
  );
  return {
    "docs/reference/errors.md": errorsPage(),
    "docs/reference/cli.md": cliPage(),
    "docs/reference/json/README.md": jsonPage(),
    ...Object.fromEntries(shapes),
  };
}

const fileOf = (verb: string): string => `${verb.replace(" ", "-")}.schema.json`;

function jsonText(verb: string, shape: z.ZodType): string {
  const schema = z.toJSONSchema(shape, { io: "input" });
  const title = verb === "error" ? "a failure with --json" : `catalyst ${verb} --json`;
  const { $schema, ...rest } = schema;
  return `${JSON.stringify({ $schema, title, ...rest }, null, 2)}\n`;
}

function errorsPage(): string {
  const entries = Object.entries(ERRORS).flatMap(([code, text]) => {
    if (!isErrorCode(code)) return [];
    const exit = exitCode(new CatalystError(code, ""));
    return [
      `## ${code}\n\n${text.charAt(0).toUpperCase()}${text.slice(1)}. Exit code of the command line: ${exit}.`,
    ];
  });
  return `# Errors

Generated from \`src/rpc/errors.ts\` by \`npm run generate\`. Every error a user can meet has one of these codes; programs recognise
it by the code, never by the message. The message names the thing, the hint (\`try:\`) says what to do.

${entries.join("\n\n")}
`;
}

const EXIT_MEANING: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: "done",
  failed: "failed",
  usage: "the command line is wrong, or names no single node",
  data: "the configuration or other input is wrong",
  unreachable: "no node answers",
  denied: "not allowed",
  check: "`check` found problems",
};

function cliPage(): string {
  return `# Command line

Generated from \`src/cli/verbs.ts\` by \`npm run generate\`. \`catalyst VERB --help\` shows the same on the terminal.

## How it speaks

- The answer goes to standard output, every other word to standard error. With \`--json\` the answer is one JSON document (one a line
  with \`--follow\` and \`--watch\`); [json/](json/README.md) has the shapes. Fields may be added, never renamed.
- Times are UTC. Colour is on a terminal only, not with \`--no-color\`, \`NO_COLOR\` or \`TERM=dumb\`.
- A failure is told in at most four lines on standard error, a configuration with several problems has one line more for each. With
  \`--json\` it is one object, \`{"error": {"code", "message", "hint", "see", ...}}\`, also on standard error: what is read from standard
  output is always an answer.

\`\`\`text
error: no node runs here [ERR_NODE_UNREACHABLE]
cause: connect ENOENT /var/lib/catalyst/run/admin.sock
try:   catalyst run, or say where the node is: --data-dir DIR
see:   docs/reference/errors.md#err_node_unreachable
\`\`\`

- Secrets are taken out of what is shown, unless they were asked for (\`apikey create\`, \`apikey rotate\`, \`token mint\`).
- The first Ctrl-C ends a verb in order, the second one at once.

| exit code | meaning |
| --- | --- |
${Object.entries(EXIT)
  .map(([name, code]) => `| ${code} | ${EXIT_MEANING[name as keyof typeof EXIT]} |`)
  .join("\n")}

A verb that was interrupted ends with 130.

## Which node

Verbs that speak to a node take \`--data-dir DIR\`, else \`--node NAME\`, else \`CATALYST_DATA_DIR\`, else the only node that runs here.

## Directories

A node keeps everything in its data directory, by default \`~/.local/share/catalyst/<node>\` (\`$XDG_DATA_HOME/catalyst/<node>\`):
\`state.db\`, \`keys/\`, \`certs/\`, \`log/\`, and its sockets in \`run/\`, all for the owner only. A socket's path may have about 100 bytes;
where it would have more, the sockets are in \`$XDG_RUNTIME_DIR/catalyst/\` or a private folder under the temporary directory, and
\`run\` is a link to them.

## Flags of every verb

${rowsOf(
  GLOBAL_FLAGS.map(({ name, value, text }) => [flagText(name, value), text]),
  "flag",
)}

${GROUPS.map(([title, verbs]) => `## ${title}\n\n${verbs.map(verbText).join("\n\n")}`).join("\n\n")}
`;
}

const flagText = (name: string, value: string | undefined): string =>
  value === undefined ? `--${name}` : `--${name} ${value}`;

const cell = (text: string): string => text.replaceAll("|", "\\|");

const rowsOf = (rows: readonly (readonly [string, string])[], head: string): string =>
  [
    `| ${head} | |`,
    "| --- | --- |",
    ...rows.map(([left, right]) => `| \`${cell(left)}\` | ${cell(right)} |`),
  ].join("\n");

function verbText(verb: Verb): string {
  const alias = Object.entries(ALIASES).find(([, noun]) => verb.name.startsWith(`${noun} `));
  const parts = [`### ${verb.name}`, `${verb.summary.charAt(0).toUpperCase()}${verb.summary.slice(1)}.`];
  if (alias !== undefined) parts.push(`Also \`catalyst ${verb.name.replace(alias[1], alias[0])}\`.`);
  const own = [
    ...(verb.args ?? []).map(
      ({ name, text, optional }) => [name, optional === true ? `${text} (optional)` : text] as const,
    ),
    ...(verb.flags ?? []).map(({ name, value, text }) => [flagText(name, value), text] as const),
  ];
  if (own.length > 0) parts.push(rowsOf(own, "argument or flag"));
  if (verb.config === true) parts.push("Takes every flag of the [configuration](configuration.md).");
  const examples = verb.examples.map(([line, text]) => `catalyst ${line}${text === "" ? "" : `  # ${text}`}`);
  parts.push(`\`\`\`text\n${examples.join("\n")}\n\`\`\``);
  if (JSON_SHAPES[verb.name] !== undefined)
    parts.push(`\`--json\`: [${fileOf(verb.name)}](json/${fileOf(verb.name)}).`);
  return parts.join("\n\n");
}

function jsonPage(): string {
  const rows = Object.keys(JSON_SHAPES).map((verb) => {
    const shown = verb === "error" ? "any verb that fails (standard error)" : `\`catalyst ${verb} --json\``;
    return `| ${shown} | [${fileOf(verb)}](${fileOf(verb)}) |`;
  });
  return `# Shapes of --json

Generated from \`tools/json-shapes.ts\` by \`npm run generate\`. One JSON Schema a verb. Fields may be added, never renamed: ignore what
you do not know. \`config show\` answers a configuration (\`schema/catalyst.schema.json\`), with \`--origin\`
\`{"config": ..., "origin": {"<key>": "<place>"}}\`; \`query\` answers what the gateway said; \`check\` and \`check --pre\` have one shape.

| command | schema |
| --- | --- |
${rows.join("\n")}
`;
}
