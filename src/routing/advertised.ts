// What a group of peers was told, or is to be told: one table for all of them (a table a peer would take 34 GiB at a thousand
// peers with a million routes). It holds where each route comes from and the sum of what was said of it, 80 bytes a name, and makes
// the route again when a frame is written; one that would differ by then counts as changed. Entries stand in a log in the order of
// their last change, each once; so what a reader has not seen is the log after its cursor, in its newest state only, and a slow
// reader costs its own changed keys and one number. Slots are never renumbered: a cursor stays valid while the log is compacted.
// Whom a way leaves out holds nothing of the name once it has read so, and need not be told again. Follows
// docs/internals/session.md section 4.

import { Digest, type Row, rowOf } from "./digest.ts";
import { leftOut, type Listener, sameWay, type Way } from "./echo.ts";
import type { Route, RouteVersion } from "./route.ts";
import type { NodeName, OrgName, ServiceName } from "./service.ts";
import type { Withdraw } from "./session/message.ts";

/** A position in the log: everything up to it has been read. */
export type Slot = number;

/** What a route is made of: the best path. Never changes in these members. */
export interface Source extends Way {
  readonly key: ServiceName;
  readonly version: RouteVersion;
}

/** Where a name stands in the columns; its own until it is compacted away. */
export type Place = number;

/** What holds now of a name: a route, or that there is none any more. Made when it is asked for. */
export interface Entry {
  readonly key: ServiceName;
  readonly place: Place;
  readonly slot: Slot;
  readonly version: RouteVersion;
  readonly route: Route | undefined;
  readonly gone: Withdraw | undefined;
  /** Of the route, or of the last one. */
  readonly way: Way;
  /** Whoever is left out by this way is told nothing since then. */
  readonly since: Slot;
  /** Upper bound of its bytes in a frame. */
  readonly bytes: number;
}

/** A name without a route, as long as somebody may still have to hear of it. */
interface Gone extends Way {
  readonly withdraw: Withdraw;
}

/** Below this the log is not worth compacting. */
const COMPACT_MIN = 64;

export class Advertised<S extends Source> {
  /** What peers are told of a source; undefined = nothing any more. */
  told: (source: S) => Route | undefined;
  readonly #own: OrgName;
  readonly #digest = new Digest();
  /** Routes that passed through an organization, for peers of it that are not told of them. */
  readonly #through = new Map<OrgName, Digest>();
  /** Routes that came by a peer, which is not told of them either. */
  readonly #from = new Map<NodeName, Digest>();
  readonly #places = new Map<ServiceName, Place>();
  readonly #free: Place[] = [];
  /** By place. A name without a source is gone. */
  readonly #sources: (S | undefined)[] = [];
  readonly #gone = new Map<Place, Gone>();
  /** Names that came another way lately, with the slot from which on whom the new way leaves out is told nothing. */
  readonly #turned = new Map<Place, Slot>();
  #a = new Int32Array(COMPACT_MIN);
  #b = new Int32Array(COMPACT_MIN);
  #buckets = new Uint8Array(COMPACT_MIN);
  /** Where in the log the name stands; other mentions of it are of the past. */
  #at = new Int32Array(COMPACT_MIN);
  /** The log: a place and its slot. */
  #log = new Int32Array(COMPACT_MIN);
  #slots = new Float64Array(COMPACT_MIN);
  #length = 0;
  #tail: Slot = 0;
  #routes = 0;
  #compactAt = COMPACT_MIN;

  constructor(own: OrgName, told: (source: S) => Route | undefined) {
    this.#own = own;
    this.told = told;
  }

  /** The slot of the last change. */
  get tail(): Slot {
    return this.#tail;
  }

  get routes(): number {
    return this.#routes;
  }

  /** Entries held, those included that only say a route is gone. */
  get size(): number {
    return this.#places.size;
  }

  *keys(): Iterable<ServiceName> {
    for (const source of this.#sources) if (source !== undefined) yield source.key;
  }

  /** `route`: what peers are told of `source` now. False when nothing changed for them. */
  advertise(source: S, route: Route): boolean {
    const known = this.#places.get(source.key);
    const row = rowOf(route);
    if (known !== undefined && this.#sources[known] !== undefined && this.#says(known, row)) {
      this.#sources[known] = source;
      return false;
    }
    const place = known ?? this.#take(source.key);
    const gone = this.#gone.get(place);
    const before = this.#sources[place] ?? gone;
    // Who has read that it was gone holds nothing, whichever way it comes now.
    if (before !== undefined && !sameWay(before, source))
      this.#turned.set(place, gone === undefined ? this.#tail + 1 : this.slot(place));
    this.#forget(place);
    this.#gone.delete(place);
    this.#remember(place, source, row);
    this.#append(place);
    return true;
  }

  /** False when there was nothing to take back. `tombstone`: the origin itself did. */
  withdraw(key: ServiceName, tombstone?: Pick<Withdraw, "version" | "tombstone">): boolean {
    const place = this.#places.get(key);
    const source = place === undefined ? undefined : this.#sources[place];
    if (place === undefined || source === undefined) return false;
    const { version, peerName, orgPath } = source;
    this.#forget(place);
    this.#gone.set(place, { peerName, orgPath, withdraw: { key, version, ...tombstone } });
    this.#append(place);
    return true;
  }

  entry(key: ServiceName): Entry | undefined {
    const place = this.#places.get(key);
    return place === undefined ? undefined : this.#entry(place);
  }

  /** Of the name's last change. */
  slot(place: Place): Slot {
    return this.#slots[this.#at[place] ?? 0] ?? 0;
  }

  /** Entries after a slot, in order. */
  *after(slot: Slot): Iterable<Entry> {
    for (let at = this.#find(slot); at < this.#length; at++) {
      const place = this.#log[at] ?? 0;
      const entry = this.#at[place] === at ? this.#entry(place) : undefined;
      // One that would be told otherwise than it was summed moved to the end of the log.
      if (entry !== undefined && this.#at[place] === at) yield entry;
    }
  }

  *inBuckets(buckets: readonly number[]): Iterable<ServiceName> {
    const wanted = new Set(buckets);
    for (const [place, source] of this.#sources.entries())
      if (source !== undefined && wanted.has(this.#buckets[place] ?? 0)) yield source.key;
  }

  /** What a peer was told once it has read everything. */
  digestFor(to: Listener): Digest {
    const out = this.#outFor(to);
    return out === undefined ? this.#digest : this.#digest.without(out);
  }

  /** How many routes that is. */
  countFor(to: Listener): number {
    return this.#routes - (this.#outFor(to)?.count() ?? 0);
  }

  /** Whether a peer is told of a name as long as this entry stands. */
  tells({ way }: Pick<Entry, "way">, to: Listener): boolean {
    return !leftOut(way, to, this.#own);
  }

  /** Drops entries of the past that no reader needs any more: everybody has read up to `slot`. Called often, works rarely. */
  compact(slot: Slot): void {
    if (this.#length < this.#compactAt) return;
    let length = 0;
    for (let at = 0; at < this.#length; at++) {
      const place = this.#log[at] ?? 0;
      const own = this.#slots[at] ?? 0;
      if (this.#at[place] !== at) continue;
      const gone = this.#gone.get(place);
      if ((this.#turned.get(place) ?? slot) <= slot) this.#turned.delete(place);
      if (gone !== undefined && own <= slot) {
        this.#places.delete(gone.withdraw.key);
        this.#gone.delete(place);
        this.#at[place] = -1;
        this.#free.push(place);
        continue;
      }
      this.#log[length] = place;
      this.#slots[length] = own;
      this.#at[place] = length;
      length += 1;
    }
    this.#length = length;
    this.#compactAt = Math.max(COMPACT_MIN, 2 * length);
    if (4 * this.#compactAt > this.#log.length) return;
    this.#log = this.#log.slice(0, this.#compactAt);
    this.#slots = this.#slots.slice(0, this.#compactAt);
  }

  /** The same content and slots, for peers that part from the group. */
  fork(): Advertised<S> {
    const twin = new Advertised<S>(this.#own, this.told);
    for (let at = 0; at < this.#length; at++) {
      const from = this.#log[at] ?? 0;
      if (this.#at[from] !== at) continue;
      const source = this.#sources[from];
      const gone = this.#gone.get(from);
      const key = source?.key ?? gone?.withdraw.key;
      if (key === undefined) continue;
      const place = twin.#take(key);
      const turned = this.#turned.get(from);
      if (turned !== undefined) twin.#turned.set(place, turned);
      if (source !== undefined) twin.#remember(place, source, this.#row(from));
      else if (gone !== undefined) twin.#gone.set(place, gone);
      twin.#tail = (this.#slots[at] ?? 0) - 1;
      twin.#append(place);
    }
    twin.#tail = this.#tail;
    twin.#compactAt = Math.max(COMPACT_MIN, 2 * twin.#length);
    return twin;
  }

  #entry(place: Place): Entry | undefined {
    const source = this.#sources[place];
    if (source === undefined) return this.#goneEntry(place);
    const { key, version } = source;
    const route = this.told(source);
    if (route === undefined) {
      this.withdraw(key);
      return this.#goneEntry(place);
    }
    this.advertise(source, route);
    const [slot, since] = [this.slot(place), this.#since(place)];
    return { key, place, slot, version, route, gone: undefined, way: source, since, bytes: bytesOf(route) };
  }

  #goneEntry(place: Place): Entry | undefined {
    const way = this.#gone.get(place);
    if (way === undefined) return undefined;
    const { withdraw: gone } = way;
    const { key, version, tombstone } = gone;
    const bytes = key.length + 128 + (typeof tombstone === "string" ? tombstone.length : 0);
    const [slot, since] = [this.slot(place), this.#since(place)];
    return { key, place, slot, version, route: undefined, gone, way, since, bytes };
  }

  /** A name that never came another way: from the beginning. */
  #since(place: Place): Slot {
    return this.#turned.get(place) ?? 0;
  }

  #says(place: Place, row: Row): boolean {
    return this.#a[place] === row.a && this.#b[place] === row.b;
  }

  #row(place: Place): Row {
    return { bucket: this.#buckets[place] ?? 0, a: this.#a[place] ?? 0, b: this.#b[place] ?? 0 };
  }

  #remember(place: Place, source: S, row: Row): void {
    this.#sources[place] = source;
    this.#a[place] = row.a;
    this.#b[place] = row.b;
    this.#buckets[place] = row.bucket;
    this.#routes += 1;
    this.#digest.add(row);
    for (const digest of this.#passed(source)) digest.add(row);
  }

  #forget(place: Place): void {
    const source = this.#sources[place];
    if (source === undefined) return;
    const row = this.#row(place);
    this.#sources[place] = undefined;
    this.#routes -= 1;
    this.#digest.remove(row);
    for (const digest of this.#passed(source)) digest.remove(row);
  }

  #take(key: ServiceName): Place {
    const place = this.#free.pop() ?? this.#sources.push(undefined) - 1;
    if (place === this.#a.length) {
      const length = grownLength(place);
      this.#a = grown(this.#a, new Int32Array(length));
      this.#b = grown(this.#b, new Int32Array(length));
      this.#at = grown(this.#at, new Int32Array(length));
      this.#buckets = grown(this.#buckets, new Uint8Array(length));
    }
    this.#places.set(key, place);
    return place;
  }

  #append(place: Place): void {
    if (this.#length === this.#log.length) {
      const length = grownLength(this.#length);
      this.#log = grown(this.#log, new Int32Array(length));
      this.#slots = grown(this.#slots, new Float64Array(length));
    }
    this.#tail += 1;
    this.#log[this.#length] = place;
    this.#slots[this.#length] = this.#tail;
    this.#at[place] = this.#length;
    this.#length += 1;
  }

  /** What a peer is left out of. */
  #outFor({ node, organization }: Listener): Digest | undefined {
    return organization === this.#own ? this.#from.get(node) : this.#through.get(organization);
  }

  /** Of those who are left out of it. */
  #passed(source: Source): Digest[] {
    const found = [digestOf(this.#from, source.peerName)];
    for (const organization of new Set(source.orgPath))
      if (organization !== this.#own) found.push(digestOf(this.#through, organization));
    return found;
  }

  /** First place in the log whose slot is greater: a binary search, for slots only grow. */
  #find(slot: Slot): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#slots[middle] ?? 0) <= slot) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Half as much again: columns that double leave up to half of themselves empty. */
const grownLength = (length: number): number => length + (length >> 1);

function grown<Column extends { set(from: Column): void }>(from: Column, into: Column): Column {
  into.set(from);
  return into;
}

function digestOf(all: Map<string, Digest>, name: string): Digest {
  const known = all.get(name);
  if (known !== undefined) return known;
  const digest = new Digest();
  all.set(name, digest);
  return digest;
}

/** Punctuation and member names of one route in JSON, and of one item of a list. */
const ROUTE_BYTES = 340;
const ITEM_BYTES = 4;
/** A character of details, which are JSON themselves, takes at most this many bytes in JSON: as UTF-8, or with what escapes it. */
const TEXT_BYTES = 3;

/** An upper bound, so that a frame never passes its limit; names are ASCII by contract, free text is not. */
function bytesOf(route: Route): number {
  let bytes = ROUTE_BYTES + route.key.length + route.origin.length + route.nextHop.length;
  bytes += route.nextHopAddress.length + (route.onlyToCustomer?.length ?? 0);
  for (const list of [route.orgPath, route.nodePath]) {
    for (const item of list) bytes += ITEM_BYTES + item.length;
  }
  return bytes + TEXT_BYTES * route.details.length;
}
