// What each peer is told, decided in one place for all who ask: the sessions, Envoy's exports, `route explain`. One policy a peer, shared
// by all peers under the same rules, kept current from commits: a commit costs its changed names times the policies, never a walk
// over the table. It holds nothing but compiled rules, so several who follow the same commits may each have their own.
// Invariant: after `follow`, policies are those of the view's rules and peers.

import {
  type Best,
  type Commit,
  type ExportDecision,
  type Exported,
  ExportPolicy,
  type NodeName,
  type Path,
  type PeerTerms,
  type Route,
  type Self,
  type ServiceName,
  type StateView,
} from "#routing";

interface Held {
  readonly terms: PeerTerms;
  readonly policy: ExportPolicy;
}

/** Sets of peers under few policies; which of them a path goes through makes some more. */
const LISTS_KEPT = 1_024;

type View = Pick<StateView, "node" | "rules" | "routes">;

export class Exports {
  readonly self: Self;
  readonly #view: View;
  readonly #peers = new Map<NodeName, Held>();
  /** One policy a hash, with the peers under it. */
  readonly #groups = new Map<string, { readonly policy: ExportPolicy; readonly nodes: Set<NodeName> }>();
  #rules: StateView["rules"];
  /** Peers whose session is about to end. */
  readonly #leaving = new Set<NodeName>();
  /** By their names. */
  readonly #lists = new Map<string, readonly NodeName[]>();
  /** The one asked for last: names in a row mostly go to the same. */
  #list: readonly NodeName[] = [];

  constructor(self: Self, view: View) {
    this.self = self;
    this.#view = view;
    this.#rules = view.rules;
    for (const { terms } of view.routes.peers()) this.#set(terms);
  }

  /** With each commit, before anything is asked. True when a peer that was known is now under another policy. */
  follow({ changes: { peers } }: Pick<Commit, "changes">): boolean {
    let other = false;
    for (const [node, { after }] of peers) {
      if (after === undefined) {
        this.#leaving.delete(node);
        this.#drop(node);
      } else other = this.#set(after) || other;
    }
    if (this.#rules === this.#view.rules) return other;
    this.#rules = this.#view.rules;
    for (const { terms } of [...this.#peers.values()]) other = this.#set(terms, true) || other;
    return other;
  }

  /**
   * The session with these peers is about to end, or (`false`) may begin anew: what they are told from now on says so. Some are
   * then under another policy.
   */
  leave(nodes: Iterable<NodeName>, leaving = true): void {
    for (const node of nodes) {
      if (leaving) this.#leaving.add(node);
      else this.#leaving.delete(node);
      const terms = this.#peers.get(node)?.terms;
      if (terms !== undefined) this.#set(terms, true);
    }
  }

  /** Name of the peer's policy; equal for peers that are told the same. */
  policy(node: NodeName): string | undefined {
    return this.#peers.get(node)?.policy.hash;
  }

  policies(): Iterable<string> {
    return this.#groups.keys();
  }

  /** What peers under a policy are told of a name, with the path it is made of; undefined = nothing. */
  exported(policy: string, key: ServiceName): Exported | undefined {
    const path = this.#view.routes.best(key)?.[0];
    const route = path === undefined ? undefined : this.told(policy, path);
    return path === undefined || route === undefined ? undefined : { path, route };
  }

  /** A path as peers under a policy are told of it. */
  told(policy: string, path: Path): Route | undefined {
    const decision = this.#groups.get(policy)?.policy.decide(path);
    return decision?.send === true ? decision.route : undefined;
  }

  /** All names there are, told or not. */
  keys(): Iterable<ServiceName> {
    return this.#view.routes.keys();
  }

  /** Why a peer is told of a path or not, with the rule that says so. */
  decide(node: NodeName, path: Path): ExportDecision | undefined {
    return this.#peers.get(node)?.policy.decide(path);
  }

  /** Whether a peer is told of a path, for those who need no reason. */
  sends(node: NodeName, path: Path): boolean {
    return this.#peers.get(node)?.policy.sends(path) === true;
  }

  /** Nodes that are told of a name by its best path, sorted; none that the path itself goes through. */
  to(best: Best | undefined): readonly NodeName[] {
    const path = best?.[0];
    if (path === undefined) return [];
    const { nodePath, orgPath } = path.course;
    const told: NodeName[] = [];
    for (const { policy, nodes } of this.#groups.values()) {
      if (!policy.sends(path)) continue;
      for (const node of nodes) {
        const terms = this.#peers.get(node)?.terms;
        const through = terms?.kind === "external" && orgPath.includes(terms.organization);
        if (!through && !nodePath.includes(node)) told.push(node);
      }
    }
    return this.#shared(told.sort());
  }

  /** Equal lists are one array: a node passes hundreds of thousands of names on to few sets of peers. */
  #shared(nodes: readonly NodeName[]): readonly NodeName[] {
    const last = this.#list;
    if (last.length === nodes.length && last.every((node, at) => node === nodes[at])) return last;
    const name = nodes.join(" ");
    const list = this.#lists.get(name) ?? nodes.slice();
    if (this.#lists.size >= LISTS_KEPT) this.#lists.clear();
    this.#lists.set(name, list);
    this.#list = list;
    return list;
  }

  /** True when the peer was known and is under another policy now. */
  #set(terms: PeerTerms, compile = false): boolean {
    if (terms.local === true) return false;
    const { node } = terms;
    const known = this.#peers.get(node);
    if (known !== undefined && !compile && sameFor(known.terms, terms)) {
      this.#peers.set(node, { terms, policy: known.policy });
      return false;
    }
    const fresh = new ExportPolicy(this.#rules.exports, terms, this.self, this.#leaving.has(node));
    this.#drop(node);
    const group = this.#groups.get(fresh.hash) ?? { policy: fresh, nodes: new Set() };
    group.nodes.add(node);
    this.#groups.set(fresh.hash, group);
    this.#peers.set(node, { terms, policy: group.policy });
    return known !== undefined && known.policy.hash !== fresh.hash;
  }

  #drop(node: NodeName): void {
    const known = this.#peers.get(node);
    if (known === undefined) return;
    this.#peers.delete(node);
    const group = this.#groups.get(known.policy.hash);
    group?.nodes.delete(node);
    if (group?.nodes.size === 0) this.#groups.delete(known.policy.hash);
  }
}

/** The parts of the terms that rules and roles look at; a lost session changes others. */
const sameFor = (a: PeerTerms, b: PeerTerms): boolean =>
  a.kind === b.kind && a.role === b.role && a.organization === b.organization;
