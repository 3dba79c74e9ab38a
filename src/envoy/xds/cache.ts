// The one snapshot of everything Envoy is to have: type → name → version and bytes. Invariants: a version is the hash of
// its bytes, so equal content is never sent twice, also by the orchestrator's next process; and whatever a resource names
// is in here too, since Envoy waits without limit for a name that does not come.

import { hash } from "node:crypto";
import { CatalystError } from "#rpc";
import { resourceBytes } from "./discovery.ts";
import { TYPES, refOf } from "./types.ts";
import type { Change, Ref, ResourceType } from "./types.ts";

export interface Entry {
  readonly version: string;
  /** As it stands in a response. */
  readonly wire: Uint8Array;
  readonly needs: readonly Ref[];
  /** An Envoy has acknowledged it. */
  acked: boolean;
  /** What to go back to when it is refused. */
  lastGood: Entry | undefined;
}

export const versionOf = (bytes: Uint8Array): string => hash("sha256", bytes, "base64url").slice(0, 16);

export class SnapshotCache {
  readonly #types = new Map<ResourceType, Map<string, Entry>>(TYPES.map((t) => [t, new Map()]));
  readonly #entries = new Map<Ref, Entry>();
  /** Names that are not to be taken from Envoy, although they are not here (yet). */
  readonly #held = new Set<Ref>();
  /** What names a resource. */
  readonly #dependents = new Map<Ref, Set<Ref>>();

  get(type: ResourceType, name: string): Entry | undefined {
    return this.#of(type).get(name);
  }

  /** The last one that Envoy acknowledged. */
  good(type: ResourceType, name: string): Entry | undefined {
    const entry = this.get(type, name);
    return entry?.acked === true ? entry : entry?.lastGood;
  }

  names(type: ResourceType): Iterable<string> {
    return this.#of(type).keys();
  }

  size(type: ResourceType): number {
    return this.#of(type).size;
  }

  has(ref: Ref): boolean {
    return this.#entries.has(ref);
  }

  hold(ref: Ref): void {
    if (!this.#entries.has(ref)) this.#held.add(ref);
  }

  isHeld(type: ResourceType, name: string): boolean {
    return this.#held.has(refOf(type, name));
  }

  dependents(ref: Ref): Iterable<Ref> {
    return this.#dependents.get(ref) ?? [];
  }

  /** The entry in force afterwards; the old one when the content is equal. */
  set(type: ResourceType, name: string, bytes: Uint8Array, needs: readonly Ref[]): Entry {
    const old = this.get(type, name);
    const version = versionOf(bytes);
    if (old?.version === version) return old;
    const lastGood = this.good(type, name);
    if (lastGood !== undefined) lastGood.lastGood = undefined;
    const wire = resourceBytes(type, name, version, bytes);
    const entry = { version, wire, needs, acked: false, lastGood };
    this.put(type, name, entry);
    return entry;
  }

  /** Sets the entry itself, or takes it away. */
  put(type: ResourceType, name: string, entry: Entry | undefined): void {
    const ref = refOf(type, name);
    this.#held.delete(ref);
    for (const need of this.#entries.get(ref)?.needs ?? []) this.#dependents.get(need)?.delete(ref);
    if (entry === undefined) {
      this.#of(type).delete(name);
      this.#entries.delete(ref);
      return;
    }
    this.#of(type).set(name, entry);
    this.#entries.set(ref, entry);
    for (const need of entry.needs) {
      let dependents = this.#dependents.get(need);
      if (dependents === undefined) this.#dependents.set(need, (dependents = new Set()));
      dependents.add(ref);
    }
  }

  /** First name in `needs` that is not there. */
  missing(needs: readonly Ref[]): Ref | undefined {
    return needs.find((need) => !this.#entries.has(need));
  }

  /** Throws when afterwards a resource would name something that is not there. Nothing is changed. */
  check(changes: readonly Change[]): void {
    const after = new Map(changes.map((c) => [refOf(c.type, c.name), c]));
    for (const [ref, change] of after) {
      if (change.bytes !== undefined) {
        for (const need of change.needs ?? []) {
          const there = after.has(need) ? after.get(need)?.bytes !== undefined : this.#entries.has(need);
          if (!there) throw reference(ref, need);
        }
        continue;
      }
      for (const dependent of this.dependents(ref)) {
        const changed = after.get(dependent);
        const names =
          changed === undefined || (changed.bytes !== undefined && changed.needs?.includes(ref) === true);
        if (names) throw reference(dependent, ref);
      }
    }
  }

  #of(type: ResourceType): Map<string, Entry> {
    return this.#types.get(type) ?? new Map<string, Entry>();
  }
}

const reference = (from: Ref, to: Ref): CatalystError =>
  new CatalystError("ERR_XDS_REFERENCE", `${from} names ${to}, which does not exist`);
