// What a group of peers was told, or is to be told: one table for all of them (a table a peer would take 34 GiB at a thousand
// peers with a million routes). Entries stand in a log in the order of their last change, each once; so what a reader has not
// seen is the log after its cursor, in its newest state only, and a slow reader costs its own changed keys and one number.
// Slots are never renumbered: a cursor stays valid while the log is compacted. Follows peering.md section 3.

import { Digest, type Row, rowOf } from "./digest.ts";
import type { Route } from "./route.ts";
import type { OrgName, ServiceName } from "./service.ts";
import type { Withdraw } from "./session/message.ts";

/** A position in the log: everything up to it has been read. */
export type Slot = number;

export interface Entry {
  readonly key: ServiceName;
  readonly slot: Slot;
  /** What holds now: a route, or that there is none any more. */
  readonly route: Route | undefined;
  readonly gone: Withdraw | undefined;
  /** Upper bound of its bytes in a frame. */
  readonly bytes: number;
}

interface Cell extends Entry {
  slot: Slot;
  route: Route | undefined;
  gone: Withdraw | undefined;
  bytes: number;
  row: Row | undefined;
}

/** Below this the log is not worth compacting. */
const COMPACT_MIN = 64;

export class Advertised {
  readonly #own: OrgName;
  readonly #cells = new Map<ServiceName, Cell>();
  readonly #digest = new Digest();
  /** Routes that passed through an organization, for peers of it that are not told of them. */
  readonly #through = new Map<OrgName, Digest>();
  #log: Cell[] = [];
  #slots: Slot[] = [];
  #tail: Slot = 0;
  #routes = 0;
  #compactAt = COMPACT_MIN;

  constructor(own: OrgName) {
    this.#own = own;
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
    return this.#cells.size;
  }

  get(key: ServiceName): Route | undefined {
    return this.#cells.get(key)?.route;
  }

  entry(key: ServiceName): Entry | undefined {
    return this.#cells.get(key);
  }

  *keys(): Iterable<ServiceName> {
    for (const cell of this.#cells.values()) if (cell.route !== undefined) yield cell.key;
  }

  /** False when nothing changed. */
  advertise(route: Route): boolean {
    const cell = this.#cells.get(route.key);
    const row = rowOf(route);
    if (cell?.row !== undefined && cell.row.a === row.a && cell.row.b === row.b) return false;
    const next = cell ?? this.#blank(route.key);
    this.#forget(next);
    next.route = route;
    next.gone = undefined;
    next.row = row;
    next.bytes = bytesOf(route);
    this.#routes += 1;
    this.#digest.add(row);
    for (const digest of this.#passed(route)) digest.add(row);
    this.#append(next);
    return true;
  }

  /** False when there was nothing to take back. `tombstone`: the origin itself did. */
  withdraw(key: ServiceName, tombstone?: Pick<Withdraw, "version" | "tombstone">): boolean {
    const cell = this.#cells.get(key);
    if (cell?.route === undefined) return false;
    const { version } = cell.route;
    this.#forget(cell);
    cell.gone = { key, version, ...tombstone };
    cell.bytes =
      key.length + 128 + (typeof tombstone?.tombstone === "string" ? tombstone.tombstone.length : 0);
    this.#append(cell);
    return true;
  }

  /** Entries after a slot, in order. */
  *after(slot: Slot): Iterable<Entry> {
    for (let at = this.#find(slot); at < this.#log.length; at++) {
      const cell = this.#log[at];
      if (cell !== undefined && cell.slot === this.#slots[at]) yield cell;
    }
  }

  *inBuckets(buckets: readonly number[]): Iterable<ServiceName> {
    const wanted = new Set(buckets);
    for (const { key, row } of this.#cells.values())
      if (row !== undefined && wanted.has(row.bucket)) yield key;
  }

  /** What a peer of that organization was told once it has read everything. */
  digestFor(organization: OrgName): Digest {
    if (organization === this.#own) return this.#digest;
    const through = this.#through.get(organization);
    return through === undefined ? this.#digest : this.#digest.without(through);
  }

  /** Drops entries of the past that no reader needs any more: everybody has read up to `slot`. Called often, works rarely. */
  compact(slot: Slot): void {
    if (this.#log.length < this.#compactAt) return;
    const log: Cell[] = [];
    const slots: Slot[] = [];
    for (const [at, cell] of this.#log.entries()) {
      if (cell.slot !== this.#slots[at]) continue;
      if (cell.gone !== undefined && cell.slot <= slot) {
        this.#cells.delete(cell.key);
        continue;
      }
      log.push(cell);
      slots.push(cell.slot);
    }
    this.#log = log;
    this.#slots = slots;
    this.#compactAt = Math.max(COMPACT_MIN, 2 * log.length);
  }

  /** The same content and slots, for peers that part from the group. */
  fork(): Advertised {
    const twin = new Advertised(this.#own);
    for (const cell of this.after(0)) {
      const { key, slot, route, gone, bytes } = cell;
      const row = route === undefined ? undefined : rowOf(route);
      const copy: Cell = { key, slot, route, gone, bytes, row };
      twin.#cells.set(key, copy);
      twin.#log.push(copy);
      twin.#slots.push(slot);
      if (route === undefined || row === undefined) continue;
      twin.#routes += 1;
      twin.#digest.add(row);
      for (const digest of twin.#passed(route)) digest.add(row);
    }
    twin.#tail = this.#tail;
    twin.#compactAt = Math.max(COMPACT_MIN, 2 * twin.#log.length);
    return twin;
  }

  #blank(key: ServiceName): Cell {
    const cell: Cell = { key, slot: 0, route: undefined, gone: undefined, bytes: 0, row: undefined };
    this.#cells.set(key, cell);
    return cell;
  }

  #forget(cell: Cell): void {
    const { route, row } = cell;
    if (route === undefined || row === undefined) return;
    this.#routes -= 1;
    this.#digest.remove(row);
    for (const digest of this.#passed(route)) digest.remove(row);
    cell.route = undefined;
    cell.row = undefined;
  }

  #append(cell: Cell): void {
    this.#tail += 1;
    cell.slot = this.#tail;
    this.#log.push(cell);
    this.#slots.push(cell.slot);
  }

  #passed(route: Route): Digest[] {
    const found: Digest[] = [];
    for (const organization of foreign(route, this.#own)) {
      const digest = this.#through.get(organization) ?? new Digest();
      this.#through.set(organization, digest);
      found.push(digest);
    }
    return found;
  }

  /** First place in the log whose slot is greater: a binary search, for slots only grow. */
  #find(slot: Slot): number {
    let low = 0;
    let high = this.#slots.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#slots[middle] ?? 0) <= slot) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Organizations other than our own in a route's path, each once. */
export function foreign(route: Route, own: OrgName): ReadonlySet<OrgName> {
  const found = new Set(route.orgPath);
  found.delete(own);
  return found;
}

/** Punctuation and member names of one route in JSON, and of one item of a list. */
const ROUTE_BYTES = 420;
const ITEM_BYTES = 4;
/** A character of free text takes at most this many bytes in JSON ("\u0000"). */
const TEXT_BYTES = 6;

/** An upper bound, so that a frame never passes its limit; names are ASCII by contract, free text is not. */
function bytesOf(route: Route): number {
  const { attributes } = route;
  let bytes = ROUTE_BYTES + route.key.length + route.origin.length + route.nextHop.length;
  bytes += route.nextHopAddress.length + (route.onlyToCustomer?.length ?? 0);
  for (const list of [route.orgPath, route.nodePath, route.communities]) {
    for (const item of list) bytes += ITEM_BYTES + item.length;
  }
  bytes += (attributes.schema?.length ?? 0) + (attributes.descriptor?.length ?? 0);
  bytes += TEXT_BYTES * (attributes.region?.length ?? 0);
  for (const [name, value] of Object.entries(attributes.labels ?? {})) {
    bytes += 2 * ITEM_BYTES + TEXT_BYTES * (name.length + value.length);
  }
  return bytes;
}
