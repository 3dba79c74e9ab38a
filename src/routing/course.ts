// What many routes have in common: where they come from and which way. A peer tells a thousand names with one path, so this part is
// kept once and each route points to it. The book that finds the one instance is bounded: it forgets what was not asked for
// lately, so a peer that never repeats itself costs no more than its routes. So two courses may be equal and not the same object.

import type { Route, Scope } from "./route.ts";
import type { NodeName, OrgName, Protocol } from "./service.ts";

export interface Course {
  readonly protocol: Protocol;
  readonly origin: NodeName;
  /** The origin's epoch: as shared as the origin itself. */
  readonly epoch: number;
  readonly orgPath: readonly OrgName[];
  readonly nodePath: readonly NodeName[];
  readonly nextHop: NodeName;
  readonly nextHopAddress: string;
  readonly scope: Scope;
  readonly onlyToCustomer: OrgName | undefined;
  readonly cost: number;
  readonly localPreference: number | undefined;
  /** Other organizations on the way. */
  readonly foreign: number;
  /** The first of them, else the own one. */
  readonly neighbour: OrgName;
}

/** Courses kept for finding: more than the pairs of origin and peer of any but the largest networks; some 2 MB when full. */
const BOOK_SIZE = 4_096;

export class CourseBook {
  readonly #own: OrgName;
  /** Two generations: what is asked for moves to the young one, when that is full the old one is forgotten. */
  #young = new Map<string, Course>();
  #old = new Map<string, Course>();
  /** Routes of one frame mostly share theirs. */
  #last: Course | undefined;

  constructor(own: OrgName) {
    this.#own = own;
  }

  of(route: Route): Course {
    if (this.#last !== undefined && follows(route, this.#last)) return this.#last;
    const text = textOf(route);
    let course = this.#young.get(text);
    if (course === undefined) {
      course = this.#old.get(text) ?? this.#make(route);
      if (this.#young.size >= BOOK_SIZE) {
        this.#old = this.#young;
        this.#young = new Map();
      }
      this.#young.set(text, course);
    }
    this.#last = course;
    return course;
  }

  #make(route: Route): Course {
    // The own organization stands first in what an internal peer tells; it is no step to another one.
    const inside = route.orgPath[0] === this.#own ? 1 : 0;
    return {
      protocol: route.protocol,
      origin: route.origin,
      epoch: route.version.epoch,
      orgPath: route.orgPath,
      nodePath: route.nodePath,
      nextHop: route.nextHop,
      nextHopAddress: route.nextHopAddress,
      scope: route.scope,
      onlyToCustomer: route.onlyToCustomer,
      cost: route.cost,
      localPreference: route.localPreference,
      foreign: route.orgPath.length - inside,
      neighbour: route.orgPath[inside] ?? this.#own,
    };
  }
}

type Shared = Omit<Course, "epoch" | "foreign" | "neighbour">;

export const sameCourse = (a: Course, b: Course): boolean =>
  a === b || (a.epoch === b.epoch && sameWay(a, b));

const follows = (route: Route, course: Course): boolean =>
  route.version.epoch === course.epoch && sameWay(route, course);

function sameWay(a: Route | Shared, b: Shared): boolean {
  return (
    a.origin === b.origin &&
    a.nextHop === b.nextHop &&
    a.nextHopAddress === b.nextHopAddress &&
    a.protocol === b.protocol &&
    a.scope === b.scope &&
    a.cost === b.cost &&
    a.localPreference === b.localPreference &&
    a.onlyToCustomer === b.onlyToCustomer &&
    sameNames(a.nodePath, b.nodePath) &&
    sameNames(a.orgPath, b.orgPath)
  );
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** No part holds a space: names, addresses and numbers do not. */
function textOf(route: Route): string {
  const { version, protocol, scope, cost, localPreference, onlyToCustomer, nextHop, nextHopAddress } = route;
  const own = `${version.epoch} ${protocol} ${scope} ${cost} ${localPreference} ${onlyToCustomer}`;
  return `${own} ${nextHop} ${nextHopAddress} ${route.orgPath.join(" ")}  ${route.nodePath.join(" ")}`;
}
