// `route explain`: why a name is reached the way it is, or not at all. All candidates in the order of use with the values that
// deciding compares, then one sentence a candidate: the step at which it lost, to whom, and both values; for what is hidden or
// was dropped, the first gate that stopped it. The words of each step and reason stand here once.

import type { ExplainedPath, RouteExplanation } from "#rpc";
import { span } from "./amount.ts";
import { healthCell } from "./services.ts";
import type { Style } from "./style.ts";
import { type Cell, pairs, table } from "./table.ts";

type Reason = ExplainedPath["verdict"]["reason"];
type Step = NonNullable<ExplainedPath["lost"]>["step"];
type Rejected = RouteExplanation["rejected"][number];

export const HIDDEN: Readonly<Record<Reason, string>> = {
  accepted: "accepted",
  "import-denied": "an import rule rejects it",
  "import-default": "no import rule accepts it, and an external peer needs one",
  leak: "a leak: its mark says that it goes to customers only (RFC 9234)",
  scope: "its scope ends before this session",
  lost: "its session was lost, and the peer's routes go with it",
  transit: "it is of a third organization, which the rule that accepts does not name",
};

const DROPPED: Readonly<Record<Rejected["reason"], string>> = {
  malformed: "a field has the wrong form",
  "too-large": "it is over the budget of one route",
  "unknown-protocol": "its protocol is not known here",
  "critical-field": "it holds a field that must not be ignored and is not known here",
  loop: "this node or organization stands in its path already",
  "not-first": "its path does not begin with who told it",
  "origin-forged": "its name is outside the domain of its origin",
  "next-hop": "its next hop is not the one who told it",
  "path-length": "its path is too long",
  expired: "its lease is over",
  lease: "its lease ends later than any may",
  buried: "its origin took it back",
};

/** What of a path a step compares, as a word. */
const VALUES: Readonly<Partial<Record<Step, (path: ExplainedPath) => string>>> = {
  "fresh before stale": ({ freshness }) => freshness,
  health: ({ health, reach }) => (health === reach ? health : `${health}, its node ${reach}`),
  "local preference": ({ localPreference }) => String(localPreference),
  "fewer organizations": ({ organizations }) => String(organizations),
  "cost inside one organization": ({ cost }) => String(cost),
  "fewer nodes": ({ nodePath }) => String(nodePath.length),
};

export function explainText(explanation: RouteExplanation, style: Style): string {
  const { key, candidates } = explanation;
  const [best] = candidates;
  if (best === undefined || best.use === "hidden") return absentText(explanation, style);
  const way =
    best.peer === explanation.node ? "this node itself" : `${best.nextHop} at ${best.nextHopAddress}`;
  const parts = [
    `${style.bold(key)}  ${best.protocol}  ${style.green("reached")} by ${way}`,
    candidateTable(explanation, style),
    reasons(explanation, style),
  ];
  const { leftOut } = explanation;
  if (leftOut !== undefined)
    parts.push(`${style.red("!")} left out of the graph: ${leftOut.text} ${style.dim(`[${leftOut.code}]`)}`);
  const told = toldText(explanation, style);
  if (told !== "") parts.push(told);
  return parts.join("\n\n");
}

function candidateTable({ candidates, at, node }: RouteExplanation, style: Style): string {
  const right = true as const;
  const columns = [
    { title: "#", right },
    ...["USE", "FROM", "KIND", "HEALTH", "KNOWN"].map((title) => ({ title })),
    ...["PREF", "ORGS", "COST", "NODES", "LEASE"].map((title) => ({ title, right })),
  ];
  const rows = candidates.map((path, place): Cell[] => [
    path.use === "hidden" ? "-" : String(place + 1),
    {
      text: path.use,
      paint: path.use === "best" ? style.green : path.use === "hidden" ? style.dim : style.cyan,
    },
    path.peer === node ? `${path.peer} (own)` : path.peer,
    path.kind === path.role ? path.kind : `${path.kind} ${path.role}`,
    healthCell(path.health, style),
    { text: path.freshness, paint: path.freshness === "fresh" ? style.green : style.yellow },
    String(path.localPreference),
    String(path.organizations),
    String(path.cost),
    String(path.nodePath.length),
    path.peer === node ? "-" : span(path.notAfter - at),
  ]);
  return table(columns, rows, style);
}

/** One line a candidate, then one for each that never became one. */
function reasons(explanation: RouteExplanation, style: Style): string {
  const { candidates } = explanation;
  const placeOf = new Map(candidates.map((path, place) => [path.peer, place + 1]));
  const byPeer = new Map(candidates.map((path) => [path.peer, path]));
  const rows = candidates.flatMap((path, place): (readonly [string, string])[] => {
    if (path.use === "hidden") return [];
    const rule = ruleText(path.verdict.rule, explanation.rules, "accepted by ");
    if (path.lost === undefined) return [[`${place + 1}`, `first${rule}`]];
    const { to, step } = path.lost;
    const value = VALUES[step];
    const winner = byPeer.get(to);
    const both =
      value === undefined || winner === undefined ? "" : `: ${value(winner)} against ${value(path)}`;
    return [[`${place + 1}`, `after ${placeOf.get(to) ?? to} by "${step}"${both}${rule}`]];
  });
  return pairs([...rows, ...gates(explanation)], style);
}

const ruleText = (id: string | undefined, rules: RouteExplanation["rules"], what: string): string =>
  id === undefined ? "" : `; ${what}${rules[id] ?? `rule ${id}`}`;

/** The first gate that stopped each claim that is not in use. */
function gates(explanation: RouteExplanation): (readonly [string, string])[] {
  const { candidates, rejected, tombstones, at } = explanation;
  const hidden = candidates.filter(({ use }) => use === "hidden");
  return [
    ...hidden.map(({ peer, verdict: { reason, rule } }): readonly [string, string] => {
      const why = `${HIDDEN[reason]} [${reason}]${ruleText(rule, explanation.rules, "")}`;
      return ["-", `hidden, told by ${peer}: ${why}`];
    }),
    ...rejected.map((one): readonly [string, string] => {
      const why = `${DROPPED[one.reason]} (${one.text}) [${one.reason}]`;
      return ["-", `dropped ${span(at - one.at)} ago, told by ${one.peer}: ${why}`];
    }),
    ...tombstones.map((stone): readonly [string, string] => [
      "-",
      `taken back ${span(at - stone.at)} ago by ${stone.origin}; older claims are dead`,
    ]),
  ];
}

function absentText(explanation: RouteExplanation, style: Style): string {
  const { key, candidates, away } = explanation;
  const found = gates(explanation);
  const lines = [`${style.bold(key)}  ${style.red("not reached")}`];
  if (candidates.length > 0) lines.push("", candidateTable(explanation, style));
  if (found.length > 0) lines.push("", pairs(found, style));
  else lines.push("", "no peer offers it, and it is no own service");
  if (away.length > 0)
    lines.push("", style.yellow(`not heard now: ${away.join(", ")}; see: catalyst peer list`));
  return lines.join("\n");
}

export const NOT_TOLD: Readonly<Record<string, string>> = {
  "export-denied": "an export rule rejects it",
  "export-default": "no export rule accepts it, and an external peer needs one",
  role: "what came from a provider or lateral peer goes to customers only",
  scope: "its scope ends here",
  loop: "it came from there",
};

function toldText({ told, rules }: RouteExplanation, style: Style): string {
  return told.length === 0 ? "" : toldTable(told, rules, style);
}

/** To whom a name is told, and by which rule; or what keeps it from them. */
export function toldTable(
  told: RouteExplanation["told"],
  rules: RouteExplanation["rules"],
  style: Style,
): string {
  const rows = told.map(({ peer, send, reason, rule }): Cell[] => [
    peer,
    send ? { text: "told", paint: style.green } : { text: "not told", paint: style.dim },
    send
      ? ruleText(rule, rules, "by ").replace(/^; /, "")
      : `${NOT_TOLD[reason] ?? reason} [${reason}]${ruleText(rule, rules, "")}`,
  ]);
  return table([{ title: "TO" }, { title: "IS" }, { title: "WHY" }], rows, style);
}
