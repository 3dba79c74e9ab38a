// What is made of a route that a peer told: accepted or not, why, and with which values of our own (BGP's input policy engine,
// RFC 4271 section 3.2). Roles come first, then scope, then the rules; without a rule that matches, an external peer is told
// nothing and tells nothing (RFC 8212), an internal one everything. A verdict is one shared object for all routes a rule decided,
// so the table holds a pointer and a change of rules is found by comparing it. Nothing is forgotten: rejected routes stay in
// Received, and another policy may accept them without asking the peer.

import { LEAVING, LEAVING_PREFERENCE } from "./communities.ts";
import { communitiesOf } from "./details.ts";
import { BANDS, inBand, markReceived } from "./roles.ts";
import type { Route, Scope } from "./route.ts";
import {
  type CompiledRule,
  type GraphTerms,
  namesOrigin,
  type Rule,
  type RulePeer,
  type RuleProblem,
  Rules,
} from "./rule.ts";
import { scopeArrives } from "./scope.ts";
import type { ServiceName } from "./service.ts";

export type ImportReason =
  | "accepted"
  /** A rule says reject. */
  | "import-denied"
  /** An external peer, and no rule says accept. */
  | "import-default"
  /** RFC 9234: it came from a lateral peer or a provider of somebody and must not be here. */
  | "leak"
  /** Its scope ends before this session. */
  | "scope"
  /** A name of a third organization, and the rule that accepts does not speak of that one. */
  | "transit"
  /** The session is lost, and `onLoss` says withdraw. */
  | "lost";

/** Plain data, shared by all routes of which the same is true. */
export interface Verdict {
  readonly accept: boolean;
  readonly reason: ImportReason;
  /** `ruleId` of the rule that decided. */
  readonly rule?: string;
  readonly localPreference?: number;
  readonly cost?: number;
  readonly communities?: readonly string[];
  readonly scope?: Scope;
  readonly alias?: ServiceName;
  readonly graph?: GraphTerms;
  /** An own service with `export: true`: direct peers may have it, unless an export rule says no. */
  readonly offered?: true;
}

const ACCEPTED: Verdict = { accept: true, reason: "accepted" };
const ACCEPTED_LEAVING: Verdict = { ...ACCEPTED, localPreference: LEAVING_PREFERENCE };
const BY_DEFAULT: Verdict = { accept: false, reason: "import-default" };
const LEAK: Verdict = { accept: false, reason: "leak" };
const SCOPE: Verdict = { accept: false, reason: "scope" };

export const LOST: Verdict = { accept: false, reason: "lost" };

/** The verdict on an own service: nothing stands between a node and itself. */
export const OWN: Verdict = ACCEPTED;
export const OWN_OFFERED: Verdict = { ...ACCEPTED, offered: true };

export class ImportPolicy {
  readonly hash: string;
  readonly problems: readonly RuleProblem[];
  readonly #rules: Rules;
  readonly #peer: RulePeer;
  readonly #verdicts = new Map<CompiledRule, Verdicts>();

  constructor(rules: readonly Rule[], peer: RulePeer) {
    this.#rules = new Rules(rules, peer);
    this.#peer = peer;
    this.hash = this.#rules.hash;
    this.problems = this.#rules.all().flatMap((one) => problemOf(one, peer));
    for (const one of this.#rules.all()) {
      const { id, rule } = one;
      const denied: Verdict = { accept: false, reason: "import-denied", rule: id };
      const own = rule.action === "reject" ? denied : accepted(one, peer);
      const transit: Verdict =
        rule.action === "reject" ? denied : { accept: false, reason: "transit", rule: id };
      const leaving: Verdict = own.accept ? { ...own, localPreference: LEAVING_PREFERENCE } : own;
      this.#verdicts.set(one, { own, leaving, transit });
    }
  }

  /** Of a route as received. */
  judge(route: Route): Verdict {
    const { kind, role, organization } = this.#peer;
    if (markReceived(route.onlyToCustomer, role, organization).leak) return LEAK;
    if (!scopeArrives(route.scope, kind)) return SCOPE;
    const found = this.#rules.find(route);
    const verdicts = found === undefined ? undefined : this.#verdicts.get(found);
    // Before all preferences that a rule or another node gave.
    const leaving = isLeaving(route);
    if (found === undefined || verdicts === undefined) {
      if (kind === "external") return BY_DEFAULT;
      return leaving ? ACCEPTED_LEAVING : ACCEPTED;
    }
    const origin = route.orgPath.at(-1) ?? organization;
    const named = kind === "internal" || origin === organization || namesOrigin(found, origin);
    if (!named) return verdicts.transit;
    return leaving ? verdicts.leaving : verdicts.own;
  }
}

/** Most routes do not even have the letters of it. */
const isLeaving = ({ details }: Route): boolean =>
  details.includes(LEAVING) && communitiesOf(details).includes(LEAVING);

/** What one rule makes of routes. */
interface Verdicts {
  readonly own: Verdict;
  readonly leaving: Verdict;
  readonly transit: Verdict;
}

function accepted({ id, rule }: CompiledRule, { role }: RulePeer): Verdict {
  const { localPreference, ...set } = rule.set ?? {};
  if (localPreference === undefined) return { accept: true, reason: "accepted", rule: id, ...set };
  const kept = rule.unsafe === true ? localPreference : inBand(role, localPreference);
  return { accept: true, reason: "accepted", rule: id, ...set, localPreference: kept };
}

function problemOf({ at, rule }: CompiledRule, { node, role }: RulePeer): RuleProblem[] {
  const wanted = rule.set?.localPreference;
  if (wanted === undefined || rule.unsafe === true || wanted === inBand(role, wanted)) return [];
  const { from, to } = BANDS[role];
  const text = `local preference ${wanted} is outside ${from} to ${to}, the band of ${node} as ${role}; "unsafe": true allows it`;
  return [{ at, text }];
}
