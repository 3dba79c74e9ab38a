// What a peer is to this organization, and what follows from it before any rule is asked: RFC 9234 (roles and "only to
// customer") and the bands of local preference in which routing between organizations provably settles (Gao and Rexford:
// customers before laterals before providers). Invariant: rules cannot override a role; a route that one provider or lateral
// gave is never passed to another one, by us or, thanks to the mark, by somebody who forgets.

import type { PeerRole } from "./route.ts";
import type { OrgName } from "./service.ts";

/** Which role the other side must say when this side says the key (RFC 9234 section 4.2). */
const COUNTERPART: Readonly<Record<PeerRole, PeerRole>> = {
  internal: "internal",
  provider: "customer",
  customer: "provider",
  lateral: "lateral",
};

/** Each says what the other is to it; a session whose sides disagree is refused. */
export const rolesAgree = (mine: PeerRole, theirs: PeerRole): boolean => COUNTERPART[mine] === theirs;

/** Lowest and highest local preference that a rule may give, and the one of routes about which no rule says otherwise. */
export interface Band {
  readonly from: number;
  readonly to: number;
  readonly base: number;
}

/**
 * Inside the organization the value that the border gave travels as it is, so there is no band; a route without one began here
 * and stands before all that came from others.
 */
export const BANDS: Readonly<Record<PeerRole, Band>> = {
  internal: { from: 0, to: Number.MAX_SAFE_INTEGER, base: 400 },
  customer: { from: 300, to: 399, base: 300 },
  lateral: { from: 200, to: 299, base: 200 },
  provider: { from: 100, to: 199, base: 100 },
};

/** Rules move inside the band. */
export function inBand(role: PeerRole, localPreference: number): number {
  const { from, to } = BANDS[role];
  return Math.min(Math.max(localPreference, from), to);
}

export type Marked =
  | { readonly leak: true }
  | { readonly leak: false; readonly onlyToCustomer: OrgName | undefined };

const LEAK: Marked = { leak: true };

/** On the way in (RFC 9234 section 5, ingress): `role` is what the sender is to us. */
export function markReceived(mark: OrgName | undefined, role: PeerRole, sender: OrgName): Marked {
  if (role === "internal") return { leak: false, onlyToCustomer: mark };
  if (mark === undefined) return { leak: false, onlyToCustomer: role === "customer" ? undefined : sender };
  // A customer has nobody below us it could have got a marked route from; a lateral may only mark for itself.
  if (role === "customer" || (role === "lateral" && mark !== sender)) return LEAK;
  return { leak: false, onlyToCustomer: mark };
}

/** On the way out (RFC 9234 section 5, egress): `role` is what the receiver is to us, `own` this organization. */
export function markSent(mark: OrgName | undefined, role: PeerRole, own: OrgName): Marked {
  if (role === "internal") return { leak: false, onlyToCustomer: mark };
  if (mark === undefined) return { leak: false, onlyToCustomer: role === "provider" ? undefined : own };
  return role === "customer" ? { leak: false, onlyToCustomer: mark } : LEAK;
}
