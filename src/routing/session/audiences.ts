// Peers that are told the same, by export policy and what was negotiated: which group each is in, and tables that grow. A table is
// never made in one go: names are looked at slice by slice, each in its newest state, while what changes meanwhile comes as
// changes; so a name is told rightly whichever came first. Invariant: nobody is told that a table is everything while names are
// left. Follows docs/internals/session.md section 4.

import { Advertised } from "../advertised.ts";
import type { Path } from "../path.ts";
import type { NodeName, OrgName, ServiceName } from "../service.ts";
import { UpdateGroup } from "../update-group.ts";
import type { Withdraw } from "./message.ts";
import type { Exported, Exports } from "./speech.ts";

/** The name of the policy, and what was negotiated beside it. */
export interface Audience {
  readonly policy: string;
  readonly terms: string;
  readonly group: UpdateGroup<Path>;
}

/** Names that are looked at in one go: some milliseconds. */
const SLICE = 1_000;

export class Audiences {
  readonly #own: OrgName;
  readonly #exports: Exports;
  readonly #slice: number;
  readonly #all = new Set<Audience>();
  /** Those with news for their peers. */
  readonly #changed = new Set<Audience>();
  /** Those that are not whole, with the names that are left. */
  readonly #filling = new Map<Audience, Iterator<void>>();

  constructor(own: OrgName, exports: Exports, slice = SLICE) {
    this.#own = own;
    this.#exports = exports;
    this.#slice = slice;
  }

  get filling(): boolean {
    return this.#filling.size > 0;
  }

  whole(audience: Audience): boolean {
    return !this.#filling.has(audience);
  }

  advertise(policy: string, { path, route }: Exported): void {
    for (const audience of this.#all) {
      if (audience.policy === policy && audience.group.advertise(path, route)) this.#changed.add(audience);
    }
  }

  withdraw(policy: string, key: ServiceName, tombstone?: Pick<Withdraw, "version" | "tombstone">): void {
    for (const audience of this.#all) {
      if (audience.policy === policy && audience.group.withdraw(key, tombstone)) this.#changed.add(audience);
    }
  }

  /** Peers for whom there may be news since the last time. */
  takeChanged(): NodeName[] {
    const nodes = [...this.#changed].flatMap(({ group }) => [...group.members]);
    this.#changed.clear();
    return nodes;
  }

  /** Where a peer of that policy and these terms belongs; `known`: where it was. */
  find(policy: string, terms: string, known: Audience | undefined): Audience {
    const fits = (one: Audience | undefined) => one?.policy === policy && one.terms === terms;
    if (known !== undefined && fits(known)) return known;
    const found = [...this.#all].find(fits);
    if (found !== undefined) return found;
    const table = new Advertised<Path>(this.#own, this.#told(policy));
    const audience: Audience = { policy, terms, group: new UpdateGroup(this.#own, table) };
    this.#add(audience);
    this.fill();
    return audience;
  }

  /** One that nobody is in any more ends. */
  part(node: NodeName, audience: Audience): void {
    audience.group.remove(node);
    if (audience.group.size === 0) this.#drop(audience);
  }

  /** Export policies changed: peers change groups with what they were told; from then on each is told the difference. */
  regroup(moved: (node: NodeName, to: Audience) => void): void {
    for (const audience of [...this.#all]) {
      const { group, terms } = audience;
      const wanted = Map.groupBy(group.members, (node) => this.#exports.policy(node));
      // Who stays under its policy is told the same, which need not be made again.
      const stays = wanted.delete(audience.policy);
      if (!stays) this.#drop(audience);
      for (const [policy, nodes] of wanted) {
        // A group of that policy may be there already; then there are two, which costs time but no truth.
        const parts = stays || wanted.size > 1;
        const next: Audience = { policy, terms, group: parts ? group.fork(nodes) : group };
        next.group.table.told = this.#told(policy);
        for (const node of nodes) moved(node, next);
        this.#add(next);
      }
    }
    this.fill();
  }

  /** The next names, of one table after the other. */
  fill(): void {
    let left = this.#slice;
    for (const [audience, names] of this.#filling) {
      this.#changed.add(audience);
      for (; left > 0 && this.#filling.has(audience); left--) {
        if (names.next().done === true) this.#filling.delete(audience);
      }
      if (left === 0) return;
    }
  }

  #add(audience: Audience): void {
    this.#all.add(audience);
    this.#filling.set(audience, this.#names(audience));
  }

  #drop(audience: Audience): void {
    this.#all.delete(audience);
    this.#changed.delete(audience);
    this.#filling.delete(audience);
  }

  *#names({ policy, group }: Audience): Generator<void, void, void> {
    for (const key of this.#exports.keys()) {
      const exported = this.#exports.exported(policy, key);
      if (exported === undefined) group.withdraw(key);
      else group.advertise(exported.path, exported.route);
      yield;
    }
  }

  #told(policy: string): Advertised<Path>["told"] {
    return (path) => this.#exports.route(policy, path);
  }
}
