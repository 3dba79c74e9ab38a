// Routes as a frame says them: what many have in common is said once and named by its place, so most of a route's text is its own, and
// the receiver reads, checks and holds once what is said once. A claim that was read has the form of a route; what it claims is the
// route parser's matter. Follows docs/internals/session.md section 4. Invariants: reading never throws; said in full, the routes
// of a frame are no larger than a frame may be, so that nobody pays for a thing as often as it is named.

import type { Frame, NodeName, Rejected, Route, UpdateFrame } from "#routing";
import { PEER_LIMITS } from "./peer.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** What the routes of one origin mostly share. `since`: from where the ends of their leases are counted. */
interface Way extends Omit<Route, "key" | "version" | "notAfter" | "details"> {
  readonly epoch: number;
  readonly since: number;
}

/** Name, place of its way, place of its details, number of its version, end of its lease. */
type Said = readonly [key: string, way: number, details: number, seq: number, left: number];

/** An update as plain JSON. */
interface SaidUpdate extends Pick<UpdateFrame, "kind" | "withdraw"> {
  readonly ways: readonly Way[];
  readonly details: readonly string[];
  readonly advertise: readonly Said[];
}

export function sayFrame(frame: Frame): SaidUpdate | Exclude<Frame, UpdateFrame> {
  if (frame.kind !== "update") return frame;
  const { kind, withdraw } = frame;
  const ways: Way[] = [];
  /** The last way of each origin. */
  const last = new Map<NodeName, number>();
  const details = new Map<string, number>();
  const advertise = frame.advertise.map((route): Said => {
    const { key, origin, version, notAfter } = route;
    let at = last.get(origin);
    let way = at === undefined ? undefined : ways[at];
    if (at === undefined || way === undefined || !goes(route, way)) {
      way = wayOf(route);
      at = ways.push(way) - 1;
      last.set(origin, at);
    }
    const place = details.get(route.details) ?? details.size;
    details.set(route.details, place);
    return [key, at, place, version.seq, notAfter - way.since];
  });
  return { kind, withdraw, ways, details: [...details.keys()], advertise };
}

function wayOf({ key: _key, version, notAfter, details: _details, ...rest }: Route): Way {
  return { ...rest, epoch: version.epoch, since: notAfter };
}

function goes(route: Route, way: Way): boolean {
  return (
    route.version.epoch === way.epoch &&
    route.nextHop === way.nextHop &&
    route.nextHopAddress === way.nextHopAddress &&
    route.protocol === way.protocol &&
    route.scope === way.scope &&
    route.health === way.health &&
    route.cost === way.cost &&
    route.localPreference === way.localPreference &&
    route.onlyToCustomer === way.onlyToCustomer &&
    sameNames(route.nodePath, way.nodePath) &&
    sameNames(route.orgPath, way.orgPath)
  );
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((name, at) => name === b[at]));
}

/** The lists of an update of whose members nothing is known. */
export interface Unread {
  readonly ways: readonly unknown[];
  readonly details: readonly unknown[];
  readonly advertise: readonly unknown[];
}

interface Claims {
  readonly advertise: Route[];
  readonly rejected: Rejected[];
}

interface Read {
  readonly way: Way;
  readonly size: number;
  /** A member that must be known, and is not. */
  readonly critical: string | undefined;
}

/** A value takes no less where it is said in full. */
const VALUE_BYTES = 4;
const NO_NAME: Rejected = { reason: "a route without a usable name" };

/** Undefined: said in full it is larger than a frame. */
export function readClaims({ ways, details, advertise }: Unread): Claims | undefined {
  const known = ways.map(readWay);
  const claims: Claims = { advertise: [], rejected: [] };
  let size = 0;
  for (const said of advertise) {
    const key: unknown = Array.isArray(said) ? said[0] : undefined;
    if (!Array.isArray(said) || !isKey(key)) {
      claims.rejected.push(NO_NAME);
      continue;
    }
    const read = member(known, said[1]);
    const text = member(details, said[2]);
    if (read === undefined || typeof text !== "string") {
      // Refused by the route parser, under its name.
      claims.advertise.push({ key } as Route);
      continue;
    }
    size += key.length + read.size + text.length;
    if (size > PEER_LIMITS.frameBytes) return undefined;
    claims.advertise.push(claimOf(key, read, text, numberOf(said[3]), numberOf(said[4])));
  }
  return claims;
}

/** As the parser takes it: of the members of a way nothing is known yet but that they are small and not deep. */
function claimOf(key: string, { way, critical }: Read, details: string, seq: number, left: number): Route {
  const claim: Writable<Route> = {
    key,
    protocol: way.protocol,
    origin: way.origin,
    version: { epoch: way.epoch, seq },
    orgPath: way.orgPath,
    nodePath: way.nodePath,
    nextHop: way.nextHop,
    nextHopAddress: way.nextHopAddress,
    scope: way.scope,
    cost: way.cost,
    notAfter: numberOf(way.since) + left,
    health: way.health,
    details,
  };
  if (way.onlyToCustomer !== undefined) claim.onlyToCustomer = way.onlyToCustomer;
  if (way.localPreference !== undefined) claim.localPreference = way.localPreference;
  return critical === undefined ? claim : { ...claim, [critical]: true };
}

function readWay(value: unknown): Read | undefined {
  const size = sizeOf(value, PEER_LIMITS.depth);
  if (typeof value !== "object" || value === null || size > PEER_LIMITS.frameBytes) return undefined;
  const critical = Object.keys(value).find((name) => name.startsWith("!"));
  return { way: value as Way, size, critical };
}

/** Infinite when it is too deep: sums are made by recursion. */
function sizeOf(value: unknown, depth: number): number {
  if (typeof value === "string") return VALUE_BYTES + value.length;
  if (typeof value !== "object" || value === null) return VALUE_BYTES;
  if (depth === 0) return Number.POSITIVE_INFINITY;
  let size = VALUE_BYTES;
  for (const [name, one] of Object.entries(value)) size += name.length + sizeOf(one, depth - 1);
  return size;
}

const isKey = (key: unknown): key is string =>
  typeof key === "string" && key !== "" && key.length <= PEER_LIMITS.keyBytes;

const member = <T>(list: readonly T[], at: unknown): T | undefined =>
  typeof at === "number" ? list[at] : undefined;

/** The parser refuses what is none. */
const numberOf = (value: unknown): number => (typeof value === "number" ? value : Number.NaN);
