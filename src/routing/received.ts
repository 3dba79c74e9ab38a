// What one peer told, before policy (BGP's Adj-RIB-In): a list of its paths threaded through them, oldest confirmation first. So all
// stale paths stand at its head, and the sweep after a resynchronisation touches nothing else; marking all of them stale is one
// number. Invariant: the generations of the list never fall from head to tail. The cursor walks the list when something that
// concerns all paths changed (health of the way to the peer, staleness, rules) and stays valid while paths come and go.

import { CourseBook } from "./course.ts";
import type { EnvoyNodeCertWant } from "./peering-effects.ts";
import type { OnLoss, PeerIntent, PeerKind, PeerLimits, PeerRole } from "./route.ts";
import type { Health, NodeName, OrgName } from "./service.ts";
import type { Path } from "./path.ts";
import type { Rejection } from "./rejection.ts";

/** What of a peer matters to its routes. Plain data, replaced as a whole. */
export interface PeerTerms {
  readonly node: NodeName;
  readonly organization: OrgName;
  readonly kind: PeerKind;
  readonly role: PeerRole;
  readonly onLoss: OnLoss;
  readonly limits: PeerLimits;
  /** This node itself: the paths are its own services. */
  readonly local?: true;
  /** Grows with every loss of the session; a path of an older one is stale until confirmed or swept. */
  readonly generation: number;
  /** The peer is away for so long that its paths are a last resort. */
  readonly longStale: boolean;
  /** What is stale is being removed, slice by slice. */
  readonly sweeping?: boolean;
  /** Whether its Envoy answers, as probed apart from the session. */
  readonly reach: Health;
  /** Hash of the import rules by which its routes are judged. */
  readonly policy: string;
  readonly trust?: NonNullable<PeerIntent["trust"]>;
  /** Of this node itself: the certificate it shows. */
  readonly certificate?: EnvoyNodeCertWant;
}

/** Terms of a peer whose session was never lost. */
export function freshTerms(intent: PeerIntent, policy: string): PeerTerms {
  const { node, organization, kind, role, onLoss, limits, trust } = intent;
  return {
    node,
    organization,
    kind,
    role,
    onLoss,
    limits,
    generation: 0,
    longStale: false,
    reach: "unknown",
    policy,
    ...(trust === undefined ? {} : { trust }),
  };
}

export class Received {
  terms: PeerTerms;
  oldest: Path | undefined = undefined;
  newest: Path | undefined = undefined;
  /** Where the walk over all paths goes on; undefined = it is done. */
  cursor: Path | undefined = undefined;
  /** The last routes that were dropped alone. */
  rejected: readonly Rejection[] = [];
  size = 0;
  bytes = 0;

  readonly courses: CourseBook;

  /** `own` is this node's organization. */
  constructor(terms: PeerTerms, own: OrgName) {
    this.terms = terms;
    this.courses = new CourseBook(own);
  }

  /** Oldest confirmation first. */
  *paths(): Generator<Path> {
    for (let path = this.oldest; path !== undefined; path = path.newer) yield path;
  }

  /** Behind `older`; undefined = at the head. */
  insert(path: Path, older: Path | undefined): void {
    const newer = older === undefined ? this.oldest : older.newer;
    path.older = older;
    path.newer = newer;
    if (older === undefined) this.oldest = path;
    else older.newer = path;
    if (newer === undefined) this.newest = path;
    else newer.older = path;
    this.size += 1;
    this.bytes += path.bytes;
  }

  /** Its own links are cut too: who still holds the path, as the history does, must not hold all others by it. */
  remove(path: Path): void {
    const { older, newer } = path;
    if (this.cursor === path) this.cursor = newer;
    if (older === undefined) this.oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.newest = older;
    else newer.older = older;
    path.older = undefined;
    path.newer = undefined;
    this.size -= 1;
    this.bytes -= path.bytes;
  }
}
