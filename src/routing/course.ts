// What many routes of a peer have in common: where they come from and which way. It tells a thousand names with one path, so this
// part is kept once and each route points to it. The book that finds the one instance is bounded and forgets, so a peer that
// never repeats itself costs no more than its routes. Therefore two courses may be equal and yet not the same object.

import type { Millis } from "#kernel";
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
  /** Where the ends of the leases are counted from: a route holds a small number and not a date, which takes two words more. */
  readonly since: Millis;
  /** Other organizations on the way. */
  readonly foreign: number;
  /** The first of them, else the own one. */
  readonly neighbour: OrgName;
}

/** Origins a peer speaks of: more than the nodes of any but the largest networks. */
const ORIGINS_KEPT = 4_096;
/** Ways one origin's routes have at once: they differ in protocol, scope and cost. */
const COURSES_KEPT = 8;

/** The courses of one peer. */
export class CourseBook {
  readonly #own: OrgName;
  #byOrigin = new Map<NodeName, Course[]>();

  constructor(own: OrgName) {
    this.#own = own;
  }

  of(route: Route): Course {
    const known = this.#byOrigin.get(route.origin);
    if (known !== undefined) {
      for (const course of known)
        if (course.epoch === route.version.epoch && sameWay(route, course)) return course;
    }
    const course = this.#make(route);
    if (known === undefined) {
      if (this.#byOrigin.size >= ORIGINS_KEPT) this.#byOrigin = new Map();
      this.#byOrigin.set(route.origin, [course]);
    } else {
      // The newest first: the ways before a change of the path are asked for no more.
      known.unshift(course);
      if (known.length > COURSES_KEPT) known.pop();
    }
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
      since: route.notAfter,
      foreign: route.orgPath.length - inside,
      neighbour: route.orgPath[inside] ?? this.#own,
    };
  }
}

type Shared = Omit<Course, "epoch" | "since" | "foreign" | "neighbour">;

export const sameCourse = (a: Course, b: Course): boolean =>
  a === b || (a.epoch === b.epoch && sameWay(a, b));

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
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
