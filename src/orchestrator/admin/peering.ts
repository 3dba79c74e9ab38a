// What the admin verbs about other nodes do: peers, routes, rules, and which services peers are told of. Reads go to the state and to
// the sessions, changes to the book behind `Peering`, which refuses what a file owns. Long walks over the table work in slices.

import type { Clock, Loop } from "#kernel";
import {
  type AdminVerbs,
  CatalystError,
  type PeerRecord,
  type PeeringVerbs,
  type Quarantined,
  type ServiceExport,
} from "#rpc";
import { fullName, type NodeTypes, peerDiff, type Rule, type ServiceName } from "#routing";
import type { Peering, PeerState, RuleList, RuleState } from "../peering/peering.ts";
import type { PeeringParser } from "./parse-peering.ts";
import { organizationNamed, peerOf, routeName } from "./peer-names.ts";
import { peerRecord } from "./peer-record.ts";
import type { RouteCounts } from "./route-counts.ts";
import { routeExplain, routeList, routeShow, toldOf } from "./route-records.ts";
import { ownerPlace, rulePlaces } from "./rule-places.ts";
import { exportList, exportTest, importList, importTest, ruleRecord } from "./rule-records.ts";
import { sliced } from "./slices.ts";

export interface PeeringPorts {
  readonly loop: Loop<NodeTypes>;
  readonly clock: Clock;
  readonly peering: Peering;
  readonly counts: RouteCounts;
  readonly parser: PeeringParser;
  readonly quarantined: () => readonly Quarantined[];
}

type Table = {
  readonly [V in keyof PeeringVerbs]: (args: AdminVerbs[V]["args"]) => Promise<AdminVerbs[V]["result"]>;
};
type Group<N extends string> = Pick<Table, Extract<keyof Table, `${N}.${string}`>>;

/** Said to the peer, and shown there. */
const DOWN_REASON = "taken down by the operator";

export const peeringVerbs = (ports: PeeringPorts): Table => ({
  ...peerVerbs(ports),
  ...routeVerbs(ports),
  ...ruleVerbs(ports),
  ...exportVerbs(ports),
});

/** In order of name. */
export const peerRecords = (ports: Omit<PeeringPorts, "parser" | "quarantined">): PeerRecord[] =>
  ports.peering.peers().map((state) => recordOf(ports, state));

function recordOf(
  { loop, clock, counts }: Omit<PeeringPorts, "parser" | "quarantined">,
  state: PeerState,
): PeerRecord {
  const { node } = state.intent;
  return peerRecord(state, loop.view.routes.received(node), counts.of(node), clock.now());
}

function peerVerbs(ports: PeeringPorts): Group<"peer"> {
  const { loop, peering, parser } = ports;
  const record = (state: PeerState): PeerRecord => recordOf(ports, state);
  return {
    "peer.list": async () => peerRecords(ports),
    "peer.show": async ({ node }) => record(peerOf(peering, node)),
    "peer.add": async (given) => record(await peering.add(await parser.peer(given), given.trust)),
    "peer.remove": async ({ node }) => {
      const { intent } = peerOf(peering, node);
      return { node: intent.node, revision: await peering.remove(intent.node) };
    },
    "peer.up": async ({ node }) => record(await peering.up(peerOf(peering, node).intent.node)),
    "peer.down": async ({ node, reason = DOWN_REASON }) =>
      record(await peering.down(peerOf(peering, node).intent.node, reason)),
    "peer.refresh": async ({ node }) => record(await peering.refresh(peerOf(peering, node).intent.node)),
    "peer.diff": async (given) => {
      const { rules, routes } = loop.view;
      const after = { ...rules, ...(await parser.rules(given)) };
      return await sliced(peerDiff(routes, peering.self, rules, after));
    },
  };
}

function routeVerbs({ loop, clock, peering, quarantined }: PeeringPorts): Group<"route"> {
  const { view } = loop;
  const named = (asked: string): ServiceName => routeName(view, view.node, asked);
  return {
    "route.list": async ({ in: from, out: to, ...asked }) =>
      await routeList(view, peering.exports, {
        ...asked,
        ...(from === undefined ? {} : { in: peerOf(peering, from).intent.node }),
        ...(to === undefined ? {} : { out: peerOf(peering, to).intent.node }),
      }),
    "route.show": async ({ name }) => {
      const found = routeShow(view, named(name));
      if (found.length > 0) return found;
      throw new CatalystError("ERR_NOT_FOUND", `no route to "${name}"`, {
        hint: `catalyst route explain ${name}`,
      });
    },
    "route.explain": async ({ name }) => {
      const explanation = routeExplain(view, peering, named(name), clock.now());
      const found = quarantined().find(({ service }) => service === explanation.key);
      return found === undefined
        ? explanation
        : { ...explanation, leftOut: { code: found.code, text: found.text } };
    },
  };
}

function ruleVerbs({ loop, peering, parser }: PeeringPorts): Group<"import" | "export"> {
  const { view } = loop;
  const record = (list: RuleList, rule: RuleState) => ruleRecord(list, rule, 0);
  const add = async (list: RuleList, { rule, before }: { rule: unknown; before?: string }) => {
    const added = await peering.addRule(list, await parser.rule(list, rule), before);
    // What it decides is known when the walk over the table is done; the list tells it.
    return record(list, added);
  };
  const remove = async (list: RuleList, { id }: { id: string }) =>
    record(list, await peering.removeRule(list, ruleOf(peering, list, id).id));
  const tested = <A extends { name?: string; peer?: string }>({ name, peer, ...args }: A) => ({
    ...args,
    ...(name === undefined ? {} : { name: routeName(view, view.node, name) }),
    ...(peer === undefined ? {} : { peer: peerOf(peering, peer).intent.node }),
  });
  return {
    "import.list": () => importList(view, peering),
    "import.add": (args) => add("imports", args),
    "import.remove": (args) => remove("imports", args),
    "import.test": (args) => importTest(view, peering, tested(args)),
    "export.list": () => exportList(view, peering),
    "export.add": (args) => add("exports", args),
    "export.remove": (args) => remove("exports", args),
    "export.test": (args) => exportTest(view, peering, tested(args)),
  };
}

/** By its id or the start of it, or by its place from 1. */
function ruleOf(peering: Peering, list: RuleList, asked: string): RuleState {
  const rules = peering.rules(list);
  const byPlace = /^\d{1,5}$/.test(asked) ? rules.find(({ at }) => at + 1 === Number(asked)) : undefined;
  const found = byPlace === undefined ? rules.filter(({ id }) => id.startsWith(asked)) : [byPlace];
  const [only, ...more] = found;
  const noun = list === "imports" ? "import" : "export";
  if (only === undefined)
    throw new CatalystError("ERR_NOT_FOUND", `no ${noun} rule "${asked}"`, { hint: `catalyst ${noun} list` });
  if (more.length > 0)
    throw new CatalystError("ERR_INVALID_ARGUMENT", `several ${noun} rules begin with "${asked}"`, {
      hint: `catalyst ${noun} list`,
    });
  return only;
}

function exportVerbs({ loop, peering }: PeeringPorts): Group<"service"> {
  const { view } = loop;
  const answer = (name: ServiceName): ServiceExport => ({
    name,
    told: toldOf(view, peering, name),
    rules: rulePlaces(peering),
    revision: loop.revision,
  });
  const own = (asked: string): ServiceName => {
    const name = fullName(asked, view.node) ?? asked;
    if (view.services.has(name)) return name;
    throw new CatalystError("ERR_NOT_FOUND", `no service named "${asked}"`, {
      hint: "catalyst service list",
    });
  };
  return {
    "service.export": async ({ name, to: asked }) => {
      const key = own(name);
      const to = asked === undefined ? undefined : organizationNamed(peering, asked);
      const known = peering.rules("exports").find(({ rule }) => speaksOf(rule, key, to));
      if (known === undefined) await peering.addRule("exports", exportRule(key, to));
      return answer(key);
    },
    "service.unexport": async ({ name, to: asked }) => {
      const key = own(name);
      const to = asked === undefined ? undefined : organizationNamed(peering, asked);
      const rules = peering.rules("exports").filter(({ rule }) => speaksOf(rule, key, to, to === undefined));
      for (const { id, owner } of rules) if (owner.kind !== "config") await peering.removeRule("exports", id);
      const fixed = rules.find(({ owner }) => owner.kind === "config");
      if (fixed !== undefined) throw ownedByFile(key, fixed.owner, "its export rule");
      const service = view.services.get(key);
      if (to === undefined && service?.export === true)
        throw ownedByFile(key, service.owner, '"export": true of the service');
      return answer(key);
    },
  };
}

const exportRule = (key: ServiceName, to: string | undefined): Rule => ({
  match: { key, ...(to === undefined ? {} : { organization: to }) },
  action: "accept",
});

/** A rule that `service export` would write: this name, this organization (`any`: whichever), nothing else. */
function speaksOf(
  { match, action, set }: Rule,
  key: ServiceName,
  to: string | undefined,
  any = false,
): boolean {
  const { key: its, organization, ...rest } = match;
  if (action !== "accept" || set !== undefined || Object.keys(rest).length > 0 || its !== key) return false;
  return any || organization === to;
}

function ownedByFile(name: ServiceName, owner: RuleState["owner"], what: string): CatalystError {
  const text = `${name} stays exported: ${what} in ${ownerPlace(owner)} says so`;
  return new CatalystError("ERR_OWNED_BY_CONFIG", text, { hint: "change the file and restart the node" });
}
