// Rules of import and export: an ordered list, the first that matches decides (docs/internals/decision.md section 4). Compiled once
// for each peer: what concerns the peer is decided then, so the rest is about the route alone and two peers for whom the same rules
// are left share one hash, which names their update group. Exact names and "*.domain" patterns are found through indexes, so ten
// thousand of them cost as much as one. Invariant: the index never changes which rule wins, only how fast it is found.

import { communitiesOf } from "./details.ts";
import { type Glob, globMatches, globOf, tailOf } from "./glob.ts";
import type { PeerIntent, PeerRole, Route, Scope } from "./route.ts";
import { organizationOf } from "./service-name.ts";
import type { OrgName, Protocol, ServiceName } from "./service.ts";
import { hashOf, hex } from "./state-hash.ts";

/** All that is given must hold. `peer` and `organization` are the other side's, whichever way the route goes. */
export interface RuleMatch {
  /** Pattern of the peer's node name. */
  readonly peer?: string;
  readonly organization?: string;
  readonly role?: PeerRole;
  /** Pattern of the service's full name. */
  readonly key?: string;
  readonly protocol?: Protocol;
  /** Pattern; one of the route's communities must match. */
  readonly community?: string;
  readonly scope?: Scope;
  /** Pattern of the organization that offers the service: how a rule lets names of others come through a transit peer. */
  readonly origin?: string;
}

export interface RuleSet {
  /** Moved into the band of the peer's role, unless the rule is `unsafe`. */
  readonly localPreference?: number;
  readonly cost?: number;
  /** Added; with a leading "-" taken away. */
  readonly communities?: readonly string[];
  /** Can narrow the scope, never widen it. */
  readonly scope?: Scope;
  /** Import only: a name of this organization under which it is reached as well. */
  readonly alias?: ServiceName;
  /** Import only: how the service joins the graph; absent for an external peer = it does not. */
  readonly graph?: GraphTerms;
}

export interface GraphTerms {
  readonly prefix?: string;
  readonly shared?: readonly string[];
}

export interface Rule {
  readonly match: RuleMatch;
  readonly action: "accept" | "reject";
  readonly set?: RuleSet;
  /** Allows a local preference outside the role's band: routing between organizations may then never settle. */
  readonly unsafe?: boolean;
}

export interface RuleLists {
  readonly imports: readonly Rule[];
  readonly exports: readonly Rule[];
}

/** What a rule can ask of a route. */
export interface RuleSubject extends Pick<Route, "key" | "protocol" | "scope" | "origin" | "details"> {
  /** As import rules set them; absent = as they were told. */
  readonly communities?: readonly string[];
}

/** The part of a peer that rules look at. */
export type RulePeer = Pick<PeerIntent, "node" | "organization" | "role" | "kind">;

interface Compiled {
  /** Place in the list as configured, from 0. */
  readonly at: number;
  /** How verdicts name it, whatever stands before it. */
  readonly id: string;
  readonly rule: Rule;
  readonly key: Glob;
  readonly community: Glob | undefined;
  readonly origin: Glob | undefined;
}

export type CompiledRule = Compiled;

export class Rules {
  /** Equal for peers for whom the same rules are left. */
  readonly hash: string;
  readonly #compiled: readonly Compiled[];
  /** Places in `#compiled`, ascending, by the whole name. */
  readonly #exact = new Map<string, number[]>();
  /** By what follows the `*` of a pattern "*.domain". */
  readonly #under = new Map<string, number[]>();
  /** All others. */
  readonly #rest: number[] = [];
  /** Of the domain that was asked for last. */
  #last: { readonly domain: string; readonly places: readonly number[] } = { domain: "", places: [] };

  constructor(rules: readonly Rule[], peer: RulePeer) {
    this.#compiled = rules
      .map((rule, at) => compile(rule, at))
      .filter(({ rule }) => concerns(rule.match, peer));
    const left = this.#compiled.map(({ rule: { match, ...rest } }) => {
      const { peer: _peer, organization: _organization, role: _role, ...route } = match;
      return { match: route, ...rest };
    });
    this.hash = hex(hashOf([peer.kind, peer.role, left]));
    this.#compiled.forEach(({ key }, place) => {
      if (key.kind === "exact") add(this.#exact, key.text, place);
      else if (key.kind === "tail" && key.text.startsWith(".")) add(this.#under, key.text, place);
      else this.#rest.push(place);
    });
  }

  get size(): number {
    return this.#compiled.length;
  }

  /** The rules that concern this peer, in order. */
  all(): readonly CompiledRule[] {
    return this.#compiled;
  }

  /** The first rule that matches. */
  find(subject: RuleSubject): CompiledRule | undefined {
    const { key } = subject;
    let place = this.#first(this.#exact.get(key), subject, Number.POSITIVE_INFINITY);
    if (this.#under.size > 0) place = this.#first(this.#above(key), subject, place);
    place = this.#first(this.#rest, subject, place);
    return this.#compiled[place];
  }

  /** Places of the patterns "*.domain" that hold a name, ascending. Most names asked for in a row lie in one domain. */
  #above(key: string): readonly number[] {
    const dot = key.indexOf(".");
    const { domain } = this.#last;
    if (dot >= 0 && key.length - dot === domain.length && key.endsWith(domain)) return this.#last.places;
    const lists: (readonly number[])[] = [];
    for (let at = dot; at >= 0; at = key.indexOf(".", at + 1))
      lists.push(this.#under.get(key.slice(at)) ?? []);
    const places = lists.flat().sort((a, b) => a - b);
    if (dot >= 0) this.#last = { domain: key.slice(dot), places };
    return places;
  }

  /** The first place before `limit` whose rule matches, else `limit`. */
  #first(places: readonly number[] | undefined, subject: RuleSubject, limit: number): number {
    if (places === undefined) return limit;
    for (const place of places) {
      if (place >= limit) break;
      const one = this.#compiled[place];
      if (one !== undefined && matches(one, subject)) return place;
    }
    return limit;
  }
}

/** The name itself says from whom it is: its last part is this organization's domain. */
export function namesOrigin({ key, origin }: CompiledRule, organization: OrgName): boolean {
  if (origin !== undefined) return globMatches(origin, organization);
  const tail = tailOf(key);
  return tail.endsWith(organization) && tail[tail.length - organization.length - 1] === ".";
}

/** `communities` with those of `set` added and the "-" ones taken away; in order, each once. */
export function withCommunities(
  has: readonly string[],
  set: readonly string[] | undefined,
): readonly string[] {
  if (set === undefined || set.length === 0) return has;
  const all = new Set(has);
  for (const one of set) {
    if (one.startsWith("-")) all.delete(one.slice(1));
    else all.add(one);
  }
  return [...all].sort();
}

/** A name made of its content: it stays when rules are put before it. */
export function ruleId(rule: Rule): string {
  return hex(hashOf(rule)).slice(0, 12);
}

/** What is wrong with a list, for whoever wrote it. `at` counts from 0. */
export interface RuleProblem {
  readonly at: number;
  readonly text: string;
}

function compile(rule: Rule, at: number): Compiled {
  const { key, community, origin } = rule.match;
  return {
    at,
    id: ruleId(rule),
    rule,
    key: globOf(key ?? "*"),
    community: community === undefined ? undefined : globOf(community),
    origin: origin === undefined ? undefined : globOf(origin),
  };
}

function concerns(match: RuleMatch, peer: RulePeer): boolean {
  if (match.role !== undefined && match.role !== peer.role) return false;
  if (match.peer !== undefined && !globMatches(globOf(match.peer), peer.node)) return false;
  return match.organization === undefined || globMatches(globOf(match.organization), peer.organization);
}

function matches({ rule: { match }, key, community, origin }: Compiled, subject: RuleSubject): boolean {
  if (!globMatches(key, subject.key)) return false;
  if (match.protocol !== undefined && match.protocol !== subject.protocol) return false;
  if (match.scope !== undefined && match.scope !== subject.scope) return false;
  if (origin !== undefined && !globMatches(origin, organizationOf(subject.origin))) return false;
  if (community === undefined) return true;
  const { communities = communitiesOf(subject.details) } = subject;
  return communities.some((one) => globMatches(community, one));
}

function add(index: Map<string, number[]>, text: string, place: number): void {
  const places = index.get(text);
  if (places === undefined) index.set(text, [place]);
  else places.push(place);
}
