// What peers tell, made proposals: each route is parsed, checked (may this peer say it, is it a loop, is its lease in bounds), judged by
// the import rules and learned; a bad one is dropped alone, and what the peer had told of that name goes with it. A lost session
// makes the peer's paths stale, the walk brings that to them in slices, so that no event holds the loop for long. Nothing here
// trusts a peer beyond its certified name. Invariant: a peer's words touch its own paths only, but for tombstones inside the
// organization.

import { equal, type Millis, type Proposals, type RunnerContext, type Runners } from "#kernel";
import {
  type Event,
  type IRouteTablePlugin,
  type PeerDelta,
  type PeerTerms,
  type Received,
  type Rejection,
  type Route,
  type RouteDelta,
  type RulesDelta,
  type StateView,
  freshTerms,
  ImportPolicy,
  organizationOf,
  OriginCheck,
  rejudge,
  RouteParser,
  SLICE,
} from "#routing";
import { refusal } from "./intent.ts";

type Out = Proposals<RouteDelta | PeerDelta | RulesDelta>;
type Told = Extract<Event, { kind: "peer.told" }>;
type Update = Extract<Told["told"], { kind: "update" }>;

const runners: Runners = {
  "route.walk": async ({ key }: { key: string }, context: RunnerContext) => {
    context.emit({ kind: "peer.walk", peer: key });
    return { ok: true };
  },
};

export function received(): IRouteTablePlugin {
  const parser = new RouteParser();
  const policies = new Policies();
  /** Peers for which a slice was asked. */
  const walking = new Set<string>();
  return {
    name: "received",
    apiVersion: 1,
    handles: ["peer.set", "peer.remove", "peer.told", "peer.reach", "peer.walk", "rules.set"],
    runners,
    apply(event, view, out) {
      switch (event.kind) {
        case "peer.set":
          return setPeer(event.peering, view, out, policies);
        case "peer.remove":
          if (known(event.peer, view) === undefined) return out.refuse(noPeer(event.peer));
          return out.push({ kind: "peer.delete", node: event.peer });
        case "rules.set":
          return setRules(event.rules, view, out, policies);
        case "peer.reach": {
          const peer = known(event.peer, view);
          if (peer === undefined || peer.terms.reach === event.reach) return;
          return out.push({ kind: "peer.set", terms: { ...peer.terms, reach: event.reach } });
        }
        case "peer.walk":
          return walk(known(event.peer, view), view, out, policies);
        case "peer.told": {
          const peer = known(event.peer, view);
          if (peer === undefined) return out.refuse(noPeer(event.peer));
          return told(event, peer, view, out, parser, policies);
        }
        default:
          return;
      }
    },
    react({ revision }, view, out) {
      for (const peer of view.routes.peers()) {
        const { node } = peer.terms;
        if (peer.cursor !== undefined || sweeps(peer)) {
          walking.add(node);
          out.push({ kind: "route.walk", key: node, want: revision });
        } else if (walking.delete(node)) out.push({ kind: "route.walk", key: node, want: undefined });
      }
      for (const node of walking) {
        if (view.routes.received(node) !== undefined) continue;
        walking.delete(node);
        out.push({ kind: "route.walk", key: node, want: undefined });
      }
    },
  };
}

const sweeps = ({ terms, oldest }: Received): boolean => terms.sweeping === true && oldest?.stale === true;

const noPeer = (node: string) => refusal("ERR_NOT_FOUND", node, `no peer "${node}"`, "catalyst peer list");

/** The peer, which is never this node itself. */
function known(node: string, view: StateView): Received | undefined {
  const peer = view.routes.received(node);
  return peer?.terms.local === true ? undefined : peer;
}

/** Compiled once for each peer and list of rules; a cache, so that a replay needs nothing of it. */
class Policies {
  readonly #byPeer = new Map<string, { rules: StateView["rules"]; role: string; policy: ImportPolicy }>();

  of(
    peer: Pick<PeerTerms, "node" | "organization" | "kind" | "role">,
    rules: StateView["rules"],
  ): ImportPolicy {
    const held = this.#byPeer.get(peer.node);
    if (held?.rules === rules && held.role === peer.role) return held.policy;
    const policy = new ImportPolicy(rules.imports, peer);
    this.#byPeer.set(peer.node, { rules, role: peer.role, policy });
    return policy;
  }
}

function setPeer(
  peering: Extract<Event, { kind: "peer.set" }>["peering"],
  view: StateView,
  out: Out,
  policies: Policies,
): void {
  const { node, organization, kind, role } = peering;
  const wrong = (text: string) => out.refuse(refusal("ERR_INVALID_ARGUMENT", node, text));
  if (node === view.node) return wrong("a node is no peer of itself");
  if (organizationOf(node) !== organization) return wrong(`"${node}" is no name of "${organization}"`);
  const inside = organization === organizationOf(view.node);
  if (inside !== (kind === "internal") || inside !== (role === "internal")) {
    return wrong(`a peer of ${inside ? "the own" : "another"} organization is not ${kind} with role ${role}`);
  }
  const policy = policies.of(peering, view.rules).hash;
  const terms = view.routes.received(node)?.terms;
  const fresh = freshTerms(peering, policy);
  if (terms === undefined) return out.push({ kind: "peer.set", terms: fresh });
  const { generation, longStale, sweeping, reach } = terms;
  const next: PeerTerms = {
    ...fresh,
    generation,
    longStale,
    reach,
    ...(sweeping === true ? { sweeping } : {}),
  };
  if (!equal(next, terms)) out.push({ kind: "peer.set", terms: next });
}

function setRules(rules: StateView["rules"], view: StateView, out: Out, policies: Policies): void {
  if (equal(rules, view.rules)) return;
  out.push({ kind: "rules.set", rules });
  for (const { terms } of view.routes.peers()) {
    if (terms.local === true) continue;
    const compiled = policies.of(terms, rules);
    for (const { at, text } of compiled.problems) {
      out.report(refusal("ERR_CONFIG_INVALID", terms.node, `import rule ${at + 1}: ${text}`));
    }
    if (compiled.hash !== terms.policy)
      out.push({ kind: "peer.set", terms: { ...terms, policy: compiled.hash } });
  }
}

/** One slice of what is due. */
function walk(peer: Received | undefined, view: StateView, out: Out, policies: Policies): void {
  if (peer === undefined) return;
  if (sweeps(peer)) out.push({ kind: "route.sweep", peer: peer.terms.node, most: SLICE });
  else for (const delta of rejudge(peer, policies.of(peer.terms, view.rules))) out.push(delta);
}

function told(
  event: Told,
  peer: Received,
  view: StateView,
  out: Out,
  parser: RouteParser,
  policies: Policies,
): void {
  const { terms } = peer;
  const set = (some: Partial<PeerTerms>) => out.push({ kind: "peer.set", terms: { ...terms, ...some } });
  switch (event.told.kind) {
    case "stale":
      return set({ generation: terms.generation + 1, sweeping: false });
    case "longStale":
      return set({ longStale: true });
    case "gone":
      // Also what was not called stale before.
      set({ generation: terms.generation + 1, longStale: true, sweeping: true });
      return out.push({ kind: "route.sweep", peer: terms.node, most: SLICE });
    case "confirmed":
      // All that is held was held when the session was lost, so one number makes it fresh again.
      return set({
        generation: peer.newest?.generation ?? terms.generation,
        longStale: false,
        sweeping: false,
      });
    case "whole":
      if (terms.longStale || peer.oldest?.stale === true) set({ longStale: false, sweeping: true });
      return out.push({ kind: "route.sweep", peer: terms.node, most: SLICE });
    case "swept":
      for (const key of event.told.keys) out.push({ kind: "route.unlearn", peer: terms.node, key });
      return;
    case "update":
      withdraw(event.told, event.at, peer, view, out);
      return advertise(event.told, event.at, peer, view, out, parser, policies.of(terms, view.rules));
  }
}

function withdraw(
  { withdraw: list }: Update,
  at: Millis,
  { terms }: Received,
  view: StateView,
  out: Out,
): void {
  for (const { key, version, tombstone } of list) {
    const path = view.routes.path(terms.node, key);
    if (path === undefined) continue;
    // Across organizations only the origin's signature would make it more than the peer's own word.
    if (tombstone === true && terms.kind === "internal") {
      out.push({ kind: "route.bury", stone: { key, origin: path.origin, version, at } });
    }
    out.push({ kind: "route.unlearn", peer: terms.node, key });
  }
}

/** Another organization's preference is none of ours. */
function withoutPreference(route: Route): Route {
  if (route.localPreference === undefined) return route;
  const { localPreference: _theirs, ...rest } = route;
  return rest;
}

function advertise(
  { advertise: list }: Update,
  at: Millis,
  { terms }: Received,
  view: StateView,
  out: Out,
  parser: RouteParser,
  policy: ImportPolicy,
): void {
  const check = new OriginCheck(terms, { node: view.node, organization: organizationOf(view.node) });
  const rejections: Rejection[] = [];
  const drop = (key: string, problem: Pick<Rejection, "reason" | "text">) => {
    rejections.push({ key, at, ...problem });
    // Treat-as-withdraw: what was told before holds no more.
    if (view.routes.path(terms.node, key) !== undefined)
      out.push({ kind: "route.unlearn", peer: terms.node, key });
  };
  for (const claim of list) {
    const parsed = parser.parse(claim);
    if (!parsed.ok) {
      drop(parsed.key, parsed.problem);
      continue;
    }
    const route = terms.kind === "internal" ? parsed.route : withoutPreference(parsed.route);
    const problem = check.problem(route, at);
    if (problem !== undefined) drop(route.key, problem);
    else if (view.routes.tombstones.kills(route.key, route.origin, route.version)) {
      drop(route.key, { reason: "buried", text: "the origin took this version back" });
    } else out.push({ kind: "route.learn", peer: terms.node, route, verdict: policy.judge(route) });
  }
  if (rejections.length > 0) out.push({ kind: "route.reject", peer: terms.node, rejections });
}
