// Rules as the admin contract shows them, in the form of the configuration, and what each of them decides now. A rule test asks the
// same policies that judge what peers tell and what they are told; for a name that nobody tells it is judged as if its own
// organization's peer did.

import type { RuleForm, RuleRecord, RuleTest, RuleTestArgs } from "#rpc";
import { CatalystError } from "#rpc";
import {
  detailsOf,
  ImportPolicy,
  type PeerTerms,
  type Received,
  type Route,
  type Rule,
  type ServiceName,
} from "#routing";
import type { Path, StateView } from "#routing";
import type { Peering, RuleList, RuleState } from "../peering/peering.ts";
import { comesFrom } from "./route-records.ts";
import { rulePlaces } from "./rule-places.ts";
import { unhurried } from "./slices.ts";

const TESTS_DEFAULT = 1_000;

/** The words in which a file would have it. */
export function ruleForm(list: RuleList, { match, action, set, unsafe }: Rule): RuleForm {
  const { peer, organization, ...rest } = match;
  const { graph, ...changes } = set ?? {};
  const matched = list === "imports" && organization !== undefined ? { organization, ...rest } : rest;
  return {
    ...(peer === undefined ? {} : { peer }),
    ...(list === "exports" && organization !== undefined ? { to: organization } : {}),
    ...(Object.keys(matched).length === 0 ? {} : { match: matched }),
    action,
    ...(Object.keys(changes).length === 0 ? {} : { set: changes }),
    ...(graph === undefined ? {} : { graph }),
    ...(unsafe === true ? { unsafe } : {}),
  };
}

export const ruleRecord = (
  list: RuleList,
  { id, rule, owner, at }: RuleState,
  routes: number,
): RuleRecord => ({
  id,
  place: at + 1,
  owner: { ...owner },
  rule: ruleForm(list, rule),
  routes,
});

export async function importList(view: StateView, peering: Peering): Promise<readonly RuleRecord[]> {
  const counts = new Map<string, number>();
  for (const peer of others(view))
    for await (const { verdict } of unhurried(peer.paths())) count(counts, verdict.rule);
  return peering.rules("imports").map((rule) => ruleRecord("imports", rule, counts.get(rule.id) ?? 0));
}

/** A name that is told to two peers counts twice. */
export async function exportList(view: StateView, peering: Peering): Promise<readonly RuleRecord[]> {
  const { exports } = peering;
  const groups = new Map<string, PeerTerms[]>();
  for (const { terms } of others(view)) {
    const policy = exports.policy(terms.node) ?? "";
    groups.set(policy, [...(groups.get(policy) ?? []), terms]);
  }
  const counts = new Map<string, number>();
  for await (const key of unhurried(view.routes.keys())) {
    const [best] = view.routes.best(key) ?? [];
    if (best === undefined) continue;
    for (const peers of groups.values()) {
      const [first] = peers;
      const rule = first === undefined ? undefined : exports.decide(first.node, best)?.rule;
      count(counts, rule, peers.length);
    }
  }
  return peering.rules("exports").map((rule) => ruleRecord("exports", rule, counts.get(rule.id) ?? 0));
}

function count(counts: Map<string, number>, rule: string | undefined, by = 1): void {
  if (rule !== undefined) counts.set(rule, (counts.get(rule) ?? 0) + by);
}

/** All peers but this node itself. */
const others = ({ routes }: StateView): readonly Received[] =>
  [...routes.peers()].filter(({ terms }) => terms.local !== true);

const asked = (view: StateView, { peer }: RuleTestArgs): readonly Received[] =>
  others(view)
    .filter(({ terms }) => peer === undefined || terms.node === peer)
    .toSorted((a, b) => (a.terms.node < b.terms.node ? -1 : 1));

export async function importTest(
  view: StateView,
  peering: Peering,
  args: RuleTestArgs,
): Promise<readonly RuleTest[]> {
  const places = rulePlaces(peering);
  const tests: RuleTest[] = [];
  const limit = args.limit ?? TESTS_DEFAULT;
  for (const peer of asked(view, args)) {
    const { terms } = peer;
    const policy = new ImportPolicy(view.rules.imports, terms);
    const add = (name: ServiceName, route: Route, told: boolean): void => {
      const { accept, reason, rule } = policy.judge(route);
      tests.push({ name, peer: terms.node, accept, reason, ...ruleOf(rule, places), told });
    };
    if (args.name !== undefined) {
      const path = view.routes.path(terms.node, args.name);
      add(args.name, path?.route() ?? imagined(args.name, terms), path !== undefined);
    } else
      for await (const path of unhurried(peer.paths())) {
        if (tests.length >= limit) return tests;
        add(path.key, path.route(), true);
      }
    if (tests.length >= limit) break;
  }
  return tests;
}

export async function exportTest(
  view: StateView,
  peering: Peering,
  args: RuleTestArgs,
): Promise<readonly RuleTest[]> {
  const places = rulePlaces(peering);
  const peers = asked(view, args);
  const limit = args.limit ?? TESTS_DEFAULT;
  const tests: RuleTest[] = [];
  const add = (path: Path): void => {
    for (const { terms } of peers) tests.push(exportOf(path, terms, peering, places));
  };
  if (args.name !== undefined) {
    const [path] = view.routes.best(args.name) ?? view.routes.candidates(args.name);
    if (path === undefined)
      throw new CatalystError("ERR_NOT_FOUND", `nobody offers "${args.name}", so nobody is told of it`, {
        hint: "catalyst route list",
      });
    add(path);
    return tests;
  }
  for await (const key of unhurried(view.routes.keys())) {
    if (tests.length >= limit) break;
    const [path] = view.routes.best(key) ?? [];
    if (path !== undefined) add(path);
  }
  return tests.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function exportOf(
  path: Path,
  terms: PeerTerms,
  { exports }: Pick<Peering, "exports">,
  places: Readonly<Record<string, string>>,
): RuleTest {
  const about = { name: path.key, peer: terms.node };
  if (comesFrom(path, terms)) return { ...about, accept: false, reason: "loop", told: false };
  const decision = exports.decide(terms.node, path);
  const send = decision?.send === true;
  const reason = decision?.reason ?? "export-default";
  // What is not accepted here is nobody's best path, so nobody is told.
  return { ...about, accept: send, reason, ...ruleOf(decision?.rule, places), told: send && path.accepted };
}

const ruleOf = (rule: string | undefined, places: Readonly<Record<string, string>>) => {
  const at = rule === undefined ? undefined : places[rule];
  return { ...(rule === undefined ? {} : { rule }), ...(at === undefined ? {} : { at }) };
};

/** As the peer would tell it, if its organization offered it; a name of a third one it would pass on. */
function imagined(key: ServiceName, { node, organization }: PeerTerms): Route {
  const own = key.endsWith(`.${organization}`);
  const origin = own ? organization : key.slice(key.indexOf(".") + 1);
  return {
    key,
    protocol: "http:graphql",
    origin: own ? node : `origin.${origin}`,
    version: { epoch: 1, seq: 1 },
    orgPath: own ? [organization] : [organization, origin],
    nodePath: own ? [node] : [node, `origin.${origin}`],
    nextHop: node,
    nextHopAddress: "0.0.0.0:0",
    scope: own ? "direct" : "transitive",
    cost: 0,
    notAfter: Number.MAX_SAFE_INTEGER,
    health: "up",
    details: detailsOf({}),
  };
}
