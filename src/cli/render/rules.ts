// Rules in the order in which they are asked, and what they say of each name and peer. A rule is one sentence; the JSON has it as
// the configuration does.

import type { RuleForm, RuleRecord, RuleTest, ServiceExport } from "#rpc";
import { count } from "./amount.ts";
import { HIDDEN, NOT_TOLD, toldTable } from "./explain.ts";
import { ownerText } from "./services.ts";
import type { Style } from "./style.ts";
import { type Cell, table } from "./table.ts";

type List = "import" | "export";

/** "accept reviews.globex.catalyst.internal of globex.catalyst.internal; in the graph, shared Product" */
export function ruleText(
  list: List,
  { peer, to, match = {}, action, set = {}, graph, unsafe }: RuleForm,
): string {
  const { key, organization, ...rest } = match;
  const side = list === "import" ? "from" : "to";
  const whom = [peer, to ?? organization].filter((each) => each !== undefined);
  const asked = Object.entries(rest).map(([name, value]) => `${name} ${value}`);
  const changes = Object.entries(set).map(
    ([name, value]) => `${name} ${Array.isArray(value) ? value.join(" ") : String(value)}`,
  );
  const joins = graph === undefined ? [] : [graphText(graph)];
  const said = [...changes, ...joins, ...(unsafe === true ? ["unsafe"] : [])];
  return [
    `${action} ${key ?? "everything"}`,
    ...(whom.length === 0 ? [] : [`${side} ${whom.join(" of ")}`]),
    ...(asked.length === 0 ? [] : [`where ${asked.join(", ")}`]),
    ...(said.length === 0 ? [] : [`with ${said.join(", ")}`]),
  ].join(" ");
}

function graphText({ prefix, shared = [] }: NonNullable<RuleForm["graph"]>): string {
  const named = prefix === undefined ? "" : ` as ${prefix}`;
  return `its graph${named}${shared.length === 0 ? "" : ` sharing ${shared.join(" ")}`}`;
}

const DEFAULTS: Readonly<Record<List, string>> = {
  import: "what no rule matches: taken from internal peers, not from external ones",
  export: "what no rule matches: told to internal peers, not to external ones",
};

export function ruleTable(list: List, rules: readonly RuleRecord[], style: Style): string {
  const rest = style.dim(DEFAULTS[list]);
  if (rules.length === 0) return `no ${list} rules; add one: catalyst ${list} add --help\n${rest}`;
  const rows = rules.map(({ id, place, owner, rule, routes }): Cell[] => [
    String(place),
    id,
    { text: rule.action, paint: rule.action === "accept" ? style.green : style.red },
    String(routes),
    ownerText(owner),
    ruleText(list, rule).slice(rule.action.length + 1),
  ]);
  const right = true as const;
  const columns = [
    { title: "#", right },
    { title: "ID" },
    { title: "ACTION" },
    { title: "ROUTES", right },
    { title: "OWNER" },
    { title: "RULE" },
  ];
  return `${table(columns, rows, style)}\n\n${rest}`;
}

export function testTable(list: List, tests: readonly RuleTest[], style: Style): string {
  if (tests.length === 0)
    return list === "import" ? "no peer tells anything" : "there is nobody to tell, or nothing";
  const yes = list === "import" ? "taken" : "told";
  const rows = tests.map(({ name, peer, accept, reason, rule, at, told }): Cell[] => [
    name,
    peer,
    accept ? { text: yes, paint: style.green } : { text: `not ${yes}`, paint: style.red },
    [reasonText(list, accept, reason), ...(rule === undefined ? [] : [`${rule} (${at ?? "gone"})`])].join(
      "; ",
    ),
    told || list === "export" ? "" : "if it told it",
  ]);
  const some = tests.some(({ told }) => !told) && list === "import";
  const columns = [
    { title: "SERVICE" },
    { title: list === "import" ? "FROM" : "TO" },
    { title: "IS" },
    { title: "WHY" },
    { title: some ? "WHEN" : "" },
  ];
  const accepted = tests.filter(({ accept }) => accept).length;
  return `${table(columns, rows, style)}\n\n${accepted} of ${count(tests.length, "case")} ${yes}`;
}

function reasonText(list: List, accept: boolean, reason: string): string {
  if (accept) return list === "import" ? "accepted" : "exported";
  const words: Readonly<Record<string, string>> = list === "import" ? HIDDEN : NOT_TOLD;
  return `${words[reason] ?? reason} [${reason}]`;
}

export function exportText({ name, told, rules }: ServiceExport, style: Style): string {
  const to = told.filter(({ send }) => send).length;
  const peers =
    told.length === 0 ? "there are no peers, or it is not up" : `${to} of ${count(told.length, "peer")} told`;
  const head = `${style.bold(name)}  ${to > 0 ? style.green(peers) : style.yellow(peers)}`;
  return told.length === 0 ? head : `${head}\n\n${toldTable(told, rules, style)}`;
}
