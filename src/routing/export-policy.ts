// What a peer is told of a path this node uses, and in which words (BGP's output policy engine, RFC 4271 section 3.2). Role, scope,
// then rules; without a rule an external peer is told nothing, an internal one everything. Own services pass the rules like all
// other routes. Everything here is equal for all peers of one update group, whose name is the hash: so a group's frames are made
// once. What concerns a single peer (its own routes, paths through itself) is left to the sender's bitmap and the receiver's loop
// check. Invariant: local preference and foreign costs never cross the border of the organization.

import { LEAVING } from "./communities.ts";
import { withDetails } from "./details.ts";
import type { Path } from "./path.ts";
import { markSent } from "./roles.ts";
import type { Route, Scope } from "./route.ts";
import { type CompiledRule, type Rule, type RulePeer, Rules, type RuleSet, withCommunities } from "./rule.ts";
import { narrower, scopeLeaves } from "./scope.ts";
import type { NodeName, OrgName } from "./service.ts";

/** This node, as others see it. */
export interface Self {
  readonly node: NodeName;
  readonly organization: OrgName;
  /** host:port of its own Envoy's peer listener. */
  readonly address: string;
}

export type ExportReason =
  | "exported"
  /** A rule says reject. */
  | "export-denied"
  /** An external peer, and neither a rule nor the service itself (`export: true`) says accept. */
  | "export-default"
  /** RFC 9234: what came from a provider or lateral peer goes to customers only. */
  | "role"
  | "scope";

export type ExportDecision =
  | { readonly send: true; readonly reason: "exported"; readonly rule?: string; readonly route: Route }
  | { readonly send: false; readonly reason: ExportReason; readonly rule?: string };

export class ExportPolicy {
  /** Name of the update group. */
  readonly hash: string;
  readonly #rules: Rules;
  readonly #peer: RulePeer;
  readonly #self: Self;
  readonly #leaving: boolean;

  /** `leaving`: the session is about to end, and the peer is to use other ways before it does. */
  constructor(rules: readonly Rule[], peer: RulePeer, self: Self, leaving = false) {
    this.#rules = new Rules(rules, peer);
    this.#peer = peer;
    this.#self = self;
    this.#leaving = leaving;
    this.hash = leaving ? `${this.#rules.hash} leaving` : this.#rules.hash;
  }

  /** Whether `decide` says yes, for those who need no route. */
  sends(path: Path): boolean {
    return "marked" in this.#judge(path);
  }

  decide(path: Path): ExportDecision {
    const judged = this.#judge(path);
    if (!("marked" in judged)) return judged;
    const { marked, found, scope } = judged;
    const set = found?.rule.set;
    const inside = this.#peer.kind === "internal";
    const given = path.verdict.localPreference ?? path.course.localPreference;
    // What came over the border gets its preference here, what began inside needs none.
    const localPreference = set?.localPreference ?? (path.internal ? given : path.localPreference);
    const route: Route = {
      ...this.#passed(path),
      scope,
      ...(marked === undefined ? {} : { onlyToCustomer: marked }),
      // A cost is a hint to the neighbour it was made for.
      cost: set?.cost ?? (inside || path.organizations === 0 ? path.cost : 0),
      ...(inside && localPreference !== undefined ? { localPreference } : {}),
      details: this.#details(path, set?.communities),
    };
    return { send: true, reason: "exported", ...(found === undefined ? {} : { rule: found.id }), route };
  }

  /** The text that came, where nothing says otherwise. No rule takes the mark away. */
  #details({ details, verdict, communities }: Path, set: RuleSet["communities"]): string {
    if (!this.#leaving && verdict.communities === undefined && set === undefined) return details;
    const told = withCommunities(communities, set);
    return withDetails(details, this.#leaving ? withCommunities(told, [LEAVING]) : told);
  }

  #judge(path: Path): Judged | Extract<ExportDecision, { send: false }> {
    const { kind, role } = this.#peer;
    const marked = markSent(path.onlyToCustomer, role, this.#self.organization);
    if (marked.leak) return { send: false, reason: "role" };
    const foreign = path.organizations > 0;
    if (!scopeLeaves(path.scope, kind, foreign)) return { send: false, reason: "scope" };
    const found = this.#rules.find(path);
    if (found === undefined && kind === "external" && path.verdict.offered !== true) {
      return { send: false, reason: "export-default" };
    }
    if (found?.rule.action === "reject") return refused("export-denied", found);
    const set = found?.rule.set;
    // An own service goes to direct peers, unless a rule says how far.
    const beyond: Scope | undefined = set?.scope ?? (kind === "external" && !foreign ? "direct" : undefined);
    const scope = narrower(path.scope, beyond);
    if (!scopeLeaves(scope, kind, foreign)) return refused("scope", found);
    return { marked: marked.onlyToCustomer, found, scope };
  }

  /** The route with this node as its first and next hop. */
  #passed(path: Path): Omit<Route, "scope" | "cost" | "details"> {
    const { node, organization, address } = this.#self;
    const { protocol, origin, orgPath, nodePath } = path.course;
    return {
      key: path.key,
      protocol,
      origin,
      version: path.version,
      orgPath: orgPath[0] === organization ? orgPath : [organization, ...orgPath],
      nodePath: path.peer.terms.local === true ? nodePath : [node, ...nodePath],
      nextHop: node,
      nextHopAddress: address,
      notAfter: path.notAfter,
      health: path.health,
    };
  }
}

/** It is told; what of that depends on the peer. */
interface Judged {
  readonly marked: OrgName | undefined;
  readonly found: CompiledRule | undefined;
  readonly scope: Scope;
}

function refused(
  reason: Exclude<ExportReason, "exported">,
  by: CompiledRule | undefined,
): Extract<ExportDecision, { send: false }> {
  return by === undefined ? { send: false, reason } : { send: false, reason, rule: by.id };
}
