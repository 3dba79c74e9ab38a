// What plugins may propose about peers and routes: data, applied by the table in the order given.

import type { Verdict } from "./import-policy.ts";
import type { PeerTerms } from "./received.ts";
import type { RuleLists } from "./rule.ts";
import type { Rejection } from "./rejection.ts";
import type { Route } from "./route.ts";
import type { NodeName, ServiceName } from "./service.ts";
import type { Tombstone } from "./tombstones.ts";

export type PeerDelta =
  /** New, or changed: what changes the order of its paths is brought to them by `route.walk`, slice by slice. */
  | { readonly kind: "peer.set"; readonly terms: PeerTerms }
  /** With all it told. A large peer is swept first. */
  | { readonly kind: "peer.delete"; readonly node: NodeName };

/** The lists by which routes are judged and exported; what they change is brought to the routes by the walks of the peers. */
export type RulesDelta = { readonly kind: "rules.set"; readonly rules: RuleLists };

export type RouteDelta =
  /** As received and checked; in place of what the peer told of this name before. */
  | {
      readonly kind: "route.learn";
      readonly peer: NodeName;
      readonly route: Route;
      readonly verdict: Verdict;
    }
  | { readonly kind: "route.unlearn"; readonly peer: NodeName; readonly key: ServiceName }
  /** Another verdict on a path that is there, after rules changed. */
  | {
      readonly kind: "route.judge";
      readonly peer: NodeName;
      readonly key: ServiceName;
      readonly verdict: Verdict;
    }
  /** Renews the leases of own routes that are due. */
  | { readonly kind: "route.renew" }
  /** Dropped alone, each with its reason; only kept to be shown. */
  | { readonly kind: "route.reject"; readonly peer: NodeName; readonly rejections: readonly Rejection[] }
  /** The origin took it back: every path up to this version goes, whoever told it. */
  | { readonly kind: "route.bury"; readonly stone: Tombstone }
  /** The tombstone may be forgotten. */
  | { readonly kind: "route.unbury"; readonly stone: Tombstone }
  /** Removes up to `most` paths that the peer did not confirm since its session came back. */
  | { readonly kind: "route.sweep"; readonly peer: NodeName; readonly most: number }
  /** Decides anew for up to `most` further paths of a peer whose terms changed. */
  | { readonly kind: "route.walk"; readonly peer: NodeName; readonly most: number };
