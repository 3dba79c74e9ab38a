export { type Contender, PATHS_MAX, rank, type Step, STEPS } from "./decision.ts";
export {
  type ExportDecision,
  ExportPolicy,
  type ExportReason,
  ruleOfExport,
  type Self,
} from "./export-policy.ts";
export { ImportPolicy, type ImportReason, OWN, type Verdict } from "./import-policy.ts";
export { canonicalProtocol } from "./canonical-protocol.ts";
export { isUnder, LEASE_MS, originProblem } from "./origin.ts";
export { type Parsed, RouteParser } from "./parse-route.ts";
export { explain, type Explained, type ExplainedPath } from "./explain.ts";
export { peerDiff, type PeerDifference } from "./peer-diff.ts";
export { rejudge, SLICE } from "./rejudge.ts";
export { EMPTY_METER, limitState, type LimitState, metered, type RateMeter } from "./route-limits.ts";
export type { Buckets } from "./digest.ts";
export type { Path } from "./path.ts";
export type * from "./peering-effects.ts";
export type * from "./plugin.ts";
export { isDue } from "./own-routes.ts";
export { freshTerms, type PeerTerms, type Received } from "./received.ts";
export type { Rejection, RejectReason, RouteProblem } from "./rejection.ts";
export { BANDS, rolesAgree } from "./roles.ts";
export type * from "./route.ts";
export type { GraphTerms, Rule, RuleMatch, RuleLists, RulePeer, RuleProblem, RuleSet } from "./rule.ts";
export type * from "./service.ts";
export * from "./session/index.ts";
export { fullName, organizationOf, shortName } from "./service-name.ts";
export { healthOf, State } from "./state.ts";
export { type Best, type RouteChanges, RouteTable, type RouteView } from "./table.ts";
export type { Tombstone } from "./tombstones.ts";
