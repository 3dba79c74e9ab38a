// What one Envoy has of one resource type: which names it wants, what was sent, what it acknowledged, and what is to be
// sent next. One response is in flight at a time. After a refusal nothing is known of the resources it carried (Envoy may
// have applied some, at random), so they are sent again in ever smaller groups until the bad one stands alone. Secrets are
// put back to their last good state first, since a bad one makes Envoy refuse its neighbours too (measured).

import { CatalystError } from "#rpc";
import type { Entry, SnapshotCache } from "./cache.ts";
import { refusedNames, scrub } from "./nack.ts";
import { XDS_LIMITS } from "./types.ts";
import type { ResourceType } from "./types.ts";

/** Names to be sent before anything else. `restore` sends what was good before. */
interface Group {
  readonly names: readonly string[];
  readonly restore: boolean;
}

export interface Batch {
  readonly resources: readonly { readonly name: string; readonly entry: Entry }[];
  readonly removed: readonly string[];
}

export interface Verdicts {
  readonly applied: readonly { readonly name: string; readonly entry: Entry }[];
  readonly refused: readonly { readonly name: string; readonly entry: Entry; readonly text: string }[];
}

interface Pending extends Batch {
  readonly nonce: string;
  readonly names: ReadonlySet<string>;
  readonly restore: boolean;
}

export class Subscription {
  readonly type: ResourceType;
  readonly #cache: SnapshotCache;
  readonly #names = new Set<string>();
  readonly #sent = new Map<string, string>();
  readonly #acked = new Map<string, string>();
  readonly #dirty = new Set<string>();
  #wildcard = false;
  #groups: Group[] = [];
  #pending: Pending | undefined;
  /** A first wildcard request is answered even when there is nothing, or Envoy would wait for it. */
  #greet = false;

  constructor(type: ResourceType, cache: SnapshotCache) {
    this.type = type;
    this.#cache = cache;
  }

  get pending(): Pending | undefined {
    return this.#pending;
  }

  get idle(): boolean {
    return this.#pending === undefined && this.#dirty.size === 0 && this.#groups.length === 0;
  }

  get ackedCount(): number {
    return this.#acked.size;
  }

  wants(name: string): boolean {
    return this.#wildcard || this.#names.has(name);
  }

  /** Sent, whether answered or not. */
  has(name: string): boolean {
    return this.#sent.has(name);
  }

  acked(name: string, version: string): boolean {
    return this.#acked.get(name) === version;
  }

  /** Nothing of it is with Envoy any more, and nothing is under way. */
  gone(name: string): boolean {
    return !this.has(name) && !this.#dirty.has(name) && this.#pending?.removed.includes(name) !== true;
  }

  /** The stream's first request of this type: what Envoy already has, of an earlier stream. */
  begin(initial: ReadonlyMap<string, string>, subscribe: readonly string[]): void {
    for (const [name, version] of initial) {
      this.#sent.set(name, version);
      this.#acked.set(name, version);
      const entry = this.#cache.get(this.type, name);
      if (entry?.version === version) entry.acked = true;
    }
    if (subscribe.length === 0) this.#all(); // the older way to ask for everything: Envoy's CDS and LDS
    this.#greet = this.#wildcard && initial.size === 0;
    for (const name of subscribe) this.#subscribe(name, initial.has(name));
  }

  /** `nonce`: of the response that is answered by the same request. */
  subscribe(names: readonly string[], nonce: string): void {
    // Envoy said so before it read the response in flight, which is then the answer for what it carries.
    const coming = nonce === this.#pending?.nonce ? undefined : this.#pending?.names;
    for (const name of names) this.#subscribe(name, coming?.has(name) === true);
  }

  unsubscribe(names: readonly string[]): void {
    for (const name of names) {
      if (name === "*") this.#wildcard = false;
      this.#names.delete(name);
      if (!this.#wildcard) this.#forget(name);
    }
  }

  #subscribe(name: string, known: boolean): void {
    if (name === "*") return this.#all();
    if (this.#names.size >= XDS_LIMITS.names) throw new CatalystError("ERR_LIMIT", "too many resource names");
    if (!known) this.#forget(name); // a new subscription is always answered
    this.#names.add(name);
    this.#dirty.add(name);
  }

  #all(): void {
    this.#wildcard = true;
    for (const name of this.#cache.names(this.type)) this.#dirty.add(name);
    for (const name of this.#sent.keys()) this.#dirty.add(name);
  }

  #forget(name: string): void {
    this.#sent.delete(name);
    this.#acked.delete(name);
    this.#dirty.delete(name);
  }

  /** Has `name` looked at with the next response. */
  mark(name: string): void {
    if (this.wants(name) || this.#sent.has(name)) this.#dirty.add(name);
  }

  /**
   * Sends it with the next response, asked for or not: Envoy subscribes while it reads what names it, so it takes what follows.
   * Where it did not, its request comes later and is answered anew. `again`: although Envoy has it.
   */
  offer(name: string, again: boolean): void {
    if (again) {
      this.#sent.delete(name);
      this.#acked.delete(name);
    }
    this.#dirty.add(name);
  }

  /** This version went out. */
  sent(name: string, version: string): boolean {
    return this.#sent.get(name) === version;
  }

  /** What to send now under `nonce`; undefined when there is nothing, or an answer is still to come. */
  next(nonce: string): Batch | undefined {
    if (this.#pending !== undefined) return undefined;
    for (let group = this.#groups.shift(); group !== undefined; group = this.#groups.shift()) {
      const batch = this.#collect(group.names, group.restore);
      if (batch !== undefined) return this.#send(nonce, batch, group.restore);
    }
    const batch = this.#collect([...this.#dirty], false);
    if (batch !== undefined) return this.#send(nonce, batch, false);
    if (!this.#greet) return undefined;
    return this.#send(nonce, { resources: [], removed: [] }, false);
  }

  #send(nonce: string, batch: Batch, restore: boolean): Batch {
    this.#greet = false;
    this.#pending = { ...batch, nonce, restore, names: new Set(batch.resources.map((r) => r.name)) };
    for (const { name, entry } of batch.resources) this.#sent.set(name, entry.version);
    for (const name of batch.removed) this.#forget(name);
    return batch;
  }

  #collect(names: readonly string[], restore: boolean): Batch | undefined {
    const resources: { name: string; entry: Entry }[] = [];
    const removed: string[] = [];
    let bytes = 0;
    for (const name of names) {
      const current = this.#cache.get(this.type, name);
      const entry = restore
        ? (current?.lastGood ?? (current?.acked === true ? current : undefined))
        : current;
      if (entry !== undefined && entry.version !== this.#sent.get(name)) {
        if (resources.length > 0 && bytes + entry.wire.length > XDS_LIMITS.chunkBytes) {
          if (!restore) this.#dirty.add(name);
          continue;
        }
        bytes += entry.wire.length;
        resources.push({ name, entry });
      } else if (entry === undefined && this.#sent.has(name) && !this.#cache.isHeld(this.type, name))
        removed.push(name);
      // Asked for and unknown: silence. "removed" would count as an answer and leave Envoy waiting without limit.
      this.#dirty.delete(name);
    }
    return resources.length + removed.length > 0 ? { resources, removed } : undefined;
  }

  /** Envoy's answer to the response in flight; undefined when it belongs to none. */
  answer(nonce: string, error: string | undefined): Verdicts | undefined {
    const pending = this.#pending;
    if (pending === undefined || pending.nonce !== nonce) return undefined;
    this.#pending = undefined;
    if (error === undefined) {
      for (const { name, entry } of pending.resources)
        if (this.#sent.get(name) === entry.version) this.#acked.set(name, entry.version);
      return { applied: pending.restore ? [] : pending.resources, refused: [] };
    }
    return this.#refused(pending, error);
  }

  #refused(pending: Pending, error: string): Verdicts {
    const names = [...pending.names];
    for (const name of names) {
      this.#sent.delete(name);
      this.#acked.delete(name);
    }
    if (pending.restore) return { applied: [], refused: [] };
    const [only] = pending.resources;
    if (only !== undefined && names.length === 1)
      return { applied: [], refused: [{ ...only, text: scrub(error) }] };
    const named = refusedNames(error, names);
    if (named === undefined) {
      this.#split(names);
      return { applied: [], refused: [] };
    }
    const applied = pending.resources.filter((r) => !named.has(r.name));
    for (const { name, entry } of applied) {
      this.#sent.set(name, entry.version);
      this.#acked.set(name, entry.version);
    }
    const refused = pending.resources.flatMap((r) => {
      const text = named.get(r.name);
      return text === undefined ? [] : [{ ...r, text }];
    });
    return { applied, refused };
  }

  #split(names: readonly string[]): void {
    const group = (part: readonly string[]): Group => ({ names: part, restore: false });
    if (this.type === "secret") {
      this.#groups.unshift({ names, restore: true }, ...names.map((name) => group([name])));
      return;
    }
    const half = Math.ceil(names.length / 2);
    this.#groups.unshift(group(names.slice(0, half)), group(names.slice(half)));
  }
}
