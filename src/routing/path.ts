// One received path to one name, as the table holds it: packed, for a node holds hundreds of thousands. What many routes share is a
// `Course`; attributes and communities stay the text they came as (details.ts). What a path tells never changes; a new claim is a
// new path. Only the links through which the table finds it move, and the generation, which says when the peer last confirmed it.

import { equal, type Millis } from "#kernel";
import { type Course, sameCourse } from "./course.ts";
import type { Contender } from "./decision.ts";
import { attributesOf, communitiesOf } from "./details.ts";
import type { ImportReason, Verdict } from "./import-policy.ts";
import type { Received } from "./received.ts";
import { BANDS, markReceived } from "./roles.ts";
import type { Route, RouteAttributes, RouteVersion, Scope } from "./route.ts";
import type { RuleSubject } from "./rule.ts";
import { withCommunities } from "./rule.ts";
import { narrower } from "./scope.ts";
import type { Health, NodeName, OrgName, Protocol, ServiceName } from "./service.ts";

const HEALTH_RANK: Readonly<Record<Health, number>> = { up: 0, unknown: 1, down: 2 };

/** Bytes a path holds beside its texts: object, links, its places in map and heap. For the limit of a peer; measured. */
const FIXED_BYTES = 240;

export class Path implements Contender, RuleSubject {
  readonly key: ServiceName;
  readonly peer: Received;
  readonly course: Course;
  /** Communities and attributes, packed. */
  readonly details: string;
  readonly health: Health;
  readonly seq: number;
  /** Of the lease, since the course's date. */
  readonly left: Millis;
  /** What the import rules made of it. */
  readonly verdict: Verdict;
  generation: number;

  /** The next path to the same name: the first four stand in the order of use. The links are the table's own matter. */
  next: Path | undefined = undefined;
  /** Neighbours in the list of the peer. */
  older: Path | undefined = undefined;
  newer: Path | undefined = undefined;
  /** Place in the heap of ends. */
  place = -1;

  constructor(
    key: ServiceName,
    peer: Received,
    course: Course,
    details: string,
    health: Health,
    seq: number,
    notAfter: Millis,
    verdict: Verdict,
    generation: number,
  ) {
    this.key = key;
    this.peer = peer;
    this.course = course;
    this.details = details;
    this.health = health;
    this.seq = seq;
    this.left = notAfter - course.since;
    this.verdict = verdict;
    this.generation = generation;
  }

  /** The same claim under another verdict. */
  judged(verdict: Verdict): Path {
    const { key, peer, course, details, health, seq, notAfter, generation } = this;
    return new Path(key, peer, course, details, health, seq, notAfter, verdict, generation);
  }

  /** Tells the very same, so that a repetition after a reconnect changes nothing. */
  same(other: Path): boolean {
    return (
      this.seq === other.seq &&
      this.notAfter === other.notAfter &&
      this.health === other.health &&
      sameCourse(this.course, other.course) &&
      this.details === other.details &&
      (this.verdict === other.verdict || equal(this.verdict, other.verdict))
    );
  }

  /** The peer did not confirm it since its session came back. */
  get stale(): boolean {
    return this.generation < this.peer.terms.generation;
  }

  get notAfter(): Millis {
    return this.course.since + this.left;
  }

  get bytes(): number {
    return FIXED_BYTES + this.key.length + this.details.length;
  }

  // What deciding reads.
  get own(): boolean {
    return this.peer.terms.local === true && this.health === "up";
  }
  get accepted(): boolean {
    return this.verdict.accept;
  }
  get staleness(): number {
    if (!this.stale) return 0;
    const { longStale, onLoss } = this.peer.terms;
    if (longStale) return 2;
    return onLoss === "keep" ? 0 : 1;
  }
  get healthRank(): number {
    return Math.max(HEALTH_RANK[this.health], HEALTH_RANK[this.peer.terms.reach]);
  }
  get localPreference(): number {
    return this.verdict.localPreference ?? this.course.localPreference ?? BANDS[this.peer.terms.role].base;
  }
  get organizations(): number {
    return this.course.foreign;
  }
  get cost(): number {
    return this.verdict.cost ?? this.course.cost;
  }
  get internal(): boolean {
    return this.peer.terms.kind === "internal";
  }
  get nodes(): number {
    return this.course.nodePath.length;
  }
  get peerName(): NodeName {
    return this.peer.terms.node;
  }
  get neighbour(): OrgName {
    return this.course.neighbour;
  }

  // What rules, Envoy and the graph read: as received and then as the import rules set it.
  get protocol(): Protocol {
    return this.course.protocol;
  }
  get scope(): Scope {
    return narrower(this.course.scope, this.verdict.scope);
  }
  get communities(): readonly string[] {
    return withCommunities(communitiesOf(this.details), this.verdict.communities);
  }
  get origin(): NodeName {
    return this.course.origin;
  }
  get orgPath(): readonly OrgName[] {
    return this.course.orgPath;
  }
  get onlyToCustomer(): OrgName | undefined {
    const { role, organization } = this.peer.terms;
    const marked = markReceived(this.course.onlyToCustomer, role, organization);
    return marked.leak ? this.course.onlyToCustomer : marked.onlyToCustomer;
  }
  get version(): RouteVersion {
    return { epoch: this.course.epoch, seq: this.seq };
  }
  get attributes(): RouteAttributes {
    return attributesOf(this.health, this.details);
  }
  get reason(): ImportReason {
    return this.verdict.reason;
  }

  /** As received, before policy. */
  route(): Route {
    const { protocol, origin, orgPath, nodePath, nextHop, nextHopAddress, ...rest } = this.course;
    return {
      key: this.key,
      protocol,
      origin,
      version: this.version,
      orgPath,
      nodePath,
      nextHop,
      nextHopAddress,
      scope: rest.scope,
      ...(rest.onlyToCustomer === undefined ? {} : { onlyToCustomer: rest.onlyToCustomer }),
      cost: rest.cost,
      ...(rest.localPreference === undefined ? {} : { localPreference: rest.localPreference }),
      notAfter: this.notAfter,
      health: this.health,
      details: this.details,
    };
  }
}
