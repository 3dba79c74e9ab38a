// The route table: all received paths by name, ordered by the decision; Received (by peer) and Best are views of it (BGP's
// Adj-RIB-In and Loc-RIB, RFC 4271 section 3.2). One mutable Map with a journal, for a node holds hundreds of thousands of routes:
// a path costs some 400 bytes and a microsecond. Internal and external tables are the same table, seen by kind of peering.
// Invariants: the first four paths of a key stand in the order of `rank`, but for peers whose terms changed and whose walk is
// not done; an undo restores tables, lists and order exactly; a commit lists, per key, what was best before and what is after.

import type { Changes, Millis } from "#kernel";
import { compare, PATHS_MAX, rank } from "./decision.ts";
import { Path } from "./path.ts";
import { PathHeap } from "./path-heap.ts";
import { type PeerTerms, Received } from "./received.ts";
import { withRejections } from "./rejection.ts";
import type { PeerDelta, RouteDelta } from "./route-delta.ts";
import type { NodeName, OrgName, ServiceName } from "./service.ts";
import { hashOf, hex, TableHash } from "./state-hash.ts";
import { type Chain, chainOf, listOf, Put, type Undo } from "./table-undo.ts";
import { older, type Tombstone, Tombstones } from "./tombstones.ts";

/** The paths in use for one name, best first, at most four. */
export type Best = readonly Path[];

export interface RouteChanges {
  readonly routes: Changes<ServiceName, Best>;
  readonly peers: Changes<NodeName, PeerTerms>;
}

/** What plugins read of the table. Never hold on to it across events: it changes in place. */
export interface RouteView {
  /** Undefined when no path is accepted. */
  best(key: ServiceName): Best | undefined;
  /** All paths to a name, also those that a rule or a role hides. */
  candidates(key: ServiceName): Path[];
  path(peer: NodeName, key: ServiceName): Path | undefined;
  /** What one peer told. */
  received(peer: NodeName): Received | undefined;
  peers(): Iterable<Received>;
  keys(): Iterable<ServiceName>;
  /** Names with at least one path. */
  readonly names: number;
  /** Paths whose lease ends at or before `at`. */
  ending(at: Millis): readonly Path[];
  readonly tombstones: Pick<Tombstones, "get" | "kills" | "ended" | "size">;
}

export class RouteTable implements RouteView {
  readonly #heads = new Map<ServiceName, Path>();
  readonly #peers = new Map<NodeName, Received>();
  readonly #organization: OrgName;
  readonly #ends = new PathHeap();
  readonly #undo: Undo[] = [];
  readonly tombstones: Tombstones;
  readonly #hash = new TableHash<ServiceName>();
  /** What was best before, per key touched since the last commit. */
  #journal = new Map<ServiceName, Best | undefined>();
  #peerJournal = new Map<NodeName, PeerTerms | undefined>();

  constructor(organization: OrgName, tombstonesMax?: number) {
    this.#organization = organization;
    this.tombstones = new Tombstones(tombstonesMax);
  }

  get names(): number {
    return this.#heads.size;
  }

  best(key: ServiceName): Best | undefined {
    const head = this.#heads.get(key);
    if (head?.accepted !== true) return undefined;
    // Most names have one path, and an array that grows takes room for sixteen more.
    if (head.next?.accepted !== true) return [head];
    const paths: Path[] = [];
    for (let path: Path | undefined = head; path?.accepted === true; path = path.next) {
      if (paths.push(path) === PATHS_MAX) break;
    }
    return paths;
  }

  candidates(key: ServiceName): Path[] {
    return listOf(this.#heads.get(key));
  }

  path(peer: NodeName, key: ServiceName): Path | undefined {
    const received = this.#peers.get(peer);
    let path = this.#heads.get(key);
    while (path !== undefined && path.peer !== received) path = path.next;
    return path;
  }

  received(peer: NodeName): Received | undefined {
    return this.#peers.get(peer);
  }

  peers(): Iterable<Received> {
    return this.#peers.values();
  }

  keys(): Iterable<ServiceName> {
    return this.#heads.keys();
  }

  ending(at: Millis): readonly Path[] {
    return this.#ends.ending(at);
  }

  apply(delta: PeerDelta | RouteDelta): void {
    switch (delta.kind) {
      case "peer.set":
        return this.#setTerms(delta.terms);
      case "peer.delete":
        return this.#deletePeer(delta.node);
      case "route.learn":
        return this.#learn(delta);
      case "route.unlearn":
        return this.#unlearn(this.path(delta.peer, delta.key));
      case "route.judge":
        return this.#judge(delta);
      case "route.renew":
        // Own routes are made of services: the state's matter.
        return;
      case "route.reject":
        return this.#reject(delta);
      case "route.bury":
        return this.#bury(delta.stone);
      case "route.unbury":
        return this.#setStone(delta.stone, undefined);
      case "route.sweep":
        return this.#sweep(delta.peer, delta.most);
      case "route.walk":
        return this.#walk(delta.peer, delta.most);
      default:
        throw new Error(`unknown delta "${String((delta satisfies never as RouteDelta).kind)}"`);
    }
  }

  /** Over everything that a replay must come to again. */
  hash(): string {
    const row = (key: ServiceName) => {
      const paths = this.candidates(key).sort((a, b) => (a.peerName < b.peerName ? -1 : 1));
      const told = paths.map((path) => [path.peerName, path.generation, path.verdict, path.route()]);
      return told.length === 0 ? undefined : told;
    };
    const { a, b } = this.#hash.sum(row, () => this.#heads.keys());
    const peers = [...this.#peers.values()].map(({ terms }) => terms);
    peers.sort((one, other) => (one.node < other.node ? -1 : 1));
    return hex(hashOf([a, b, peers, this.tombstones.size]));
  }

  /** Valid until the next `seal`. */
  mark(): number {
    return this.#undo.length;
  }

  undo(mark: number): void {
    while (this.#undo.length > mark) {
      const step = this.#undo.pop();
      if (step !== undefined) this.#takeBack(step);
    }
  }

  /** What changed since the last time. */
  seal(): RouteChanges {
    const routes = new Map<ServiceName, { before?: Best; after?: Best }>();
    for (const [key, before] of this.#journal) {
      const after = this.best(key);
      if (!sameBest(before, after)) routes.set(key, changeOf(before, after));
    }
    const peers = new Map<NodeName, { before?: PeerTerms; after?: PeerTerms }>();
    for (const [node, before] of this.#peerJournal) {
      const after = this.#peers.get(node)?.terms;
      if (before !== after) peers.set(node, changeOf(before, after));
    }
    this.#journal = new Map();
    this.#peerJournal = new Map();
    this.#undo.length = 0;
    return { routes, peers };
  }

  #learn({ peer, route, verdict }: Extract<RouteDelta, { kind: "route.learn" }>): void {
    const received = this.#peers.get(peer);
    // An earlier plugin may have removed the peer for the same event.
    if (received === undefined) return;
    const { key, version, health, details, notAfter } = route;
    const course = received.courses.of(route);
    const { generation } = received.terms;
    const path = new Path(key, received, course, details, health, version.seq, notAfter, verdict, generation);
    const head = this.#heads.get(key);
    let known = head;
    while (known !== undefined && known.peer !== received) known = known.next;
    if (known?.same(path) === true) this.#confirm(known);
    else this.#put(key, received, head, known, path, received.newest);
  }

  #unlearn(path: Path | undefined): void {
    if (path !== undefined)
      this.#put(path.key, path.peer, this.#heads.get(path.key), path, undefined, undefined);
  }

  #judge({ peer, key, verdict }: Extract<RouteDelta, { kind: "route.judge" }>): void {
    const path = this.path(peer, key);
    if (path === undefined || path.verdict === verdict) return;
    // In its place, for the list is ordered by generation.
    this.#put(key, path.peer, this.#heads.get(key), path, path.judged(verdict), path.older);
  }

  #reject({ peer, rejections }: Extract<RouteDelta, { kind: "route.reject" }>): void {
    const received = this.#peers.get(peer);
    if (received === undefined) return;
    this.#undo.push({ kind: "rejected", received, before: received.rejected });
    received.rejected = withRejections(received.rejected, rejections);
  }

  #bury(stone: Tombstone): void {
    const known = this.tombstones.get(stone.key, stone.origin);
    if (known !== undefined && !older(known.version, stone.version)) return;
    const excess = known === undefined ? this.tombstones.excess() : undefined;
    if (excess !== undefined) this.#setStone(excess, undefined);
    this.#setStone(stone, stone);
    for (const path of this.candidates(stone.key)) {
      if (path.course.origin === stone.origin && !older(stone.version, path.version)) this.#unlearn(path);
    }
  }

  #setStone(name: Tombstone, stone: Tombstone | undefined): void {
    const before = this.tombstones.get(name.key, name.origin);
    this.#undo.push({ kind: "stone", stone: name, before });
    if (stone === undefined) this.tombstones.delete(name);
    else this.tombstones.set(stone);
  }

  #sweep(peer: NodeName, most: number): void {
    const received = this.#peers.get(peer);
    for (let left = most; left > 0 && received?.oldest?.stale === true; left--)
      this.#unlearn(received.oldest);
  }

  #walk(peer: NodeName, most: number): void {
    const received = this.#peers.get(peer);
    const from = received?.cursor;
    if (received === undefined || from === undefined) return;
    const chains: Path[][] = [];
    let path: Path | undefined = from;
    for (let left = most; left > 0 && path !== undefined; left--) {
      const { key } = path;
      const head = this.#heads.get(key);
      if (head?.next !== undefined) {
        const chain = listOf(head);
        chains.push(chain);
        this.#touch(key);
        this.#order(key, chain);
      }
      path = path.newer;
    }
    received.cursor = path;
    this.#undo.push({ kind: "walk", received, cursor: from, chains });
  }

  #setTerms(terms: PeerTerms): void {
    const known = this.#peers.get(terms.node);
    const received = known ?? new Received(terms, this.#organization);
    this.#notePeer(terms.node);
    this.#undo.push({
      kind: "terms",
      node: terms.node,
      received,
      before: known?.terms,
      cursor: received.cursor,
    });
    if (known === undefined) this.#peers.set(terms.node, received);
    else if (reorders(known.terms, terms)) received.cursor = received.oldest;
    received.terms = terms;
  }

  #deletePeer(node: NodeName): void {
    const received = this.#peers.get(node);
    if (received === undefined) return;
    while (received.oldest !== undefined) this.#unlearn(received.oldest);
    this.#notePeer(node);
    this.#undo.push({ kind: "peer", received });
    this.#peers.delete(node);
  }

  #notePeer(node: NodeName): void {
    if (!this.#peerJournal.has(node)) this.#peerJournal.set(node, this.#peers.get(node)?.terms);
  }

  #touch(key: ServiceName): void {
    this.#hash.touch(key);
    if (!this.#journal.has(key)) this.#journal.set(key, this.best(key));
  }

  /** The one way in which paths come and go. `behind` is where `after` stands in the list of the peer. */
  #put(
    key: ServiceName,
    received: Received,
    head: Path | undefined,
    before: Path | undefined,
    after: Path | undefined,
    behind: Path | undefined,
  ): void {
    this.#touch(key);
    const chain = chainOf(head);
    const { cursor } = received;
    this.#undo.push(new Put(key, chain, received, before, after));
    const place = behind === before ? before?.older : behind;
    const inPlace = place === before?.older;
    if (before !== undefined) this.#unlink(before);
    if (after !== undefined) {
      this.#link(after, place);
      // In the place of the one at which the walk stands, it is walked over like that one.
      if (before !== undefined && cursor === before && inPlace) received.cursor = after;
    }
    if (chain === undefined || chain === before) this.#setHead(key, after);
    else if (before === undefined && after !== undefined && joinsBehind(head, after)) return;
    else {
      const paths = (chain instanceof Path ? [chain] : chain).filter((path) => path !== before);
      if (after !== undefined) paths.push(after);
      this.#order(key, paths);
    }
  }

  #confirm(path: Path): void {
    const { peer: received, generation } = path;
    if (!path.stale) return;
    const head = this.#heads.get(path.key);
    const { cursor } = received;
    this.#touch(path.key);
    this.#undo.push({ kind: "confirm", path, chain: chainOf(head), generation, older: path.older, cursor });
    received.remove(path);
    path.generation = received.terms.generation;
    received.insert(path, received.newest);
    if (head?.next !== undefined) this.#order(path.key, listOf(head));
  }

  #takeBack(step: Undo): void {
    switch (step.kind) {
      case "put":
        this.#hash.touch(step.key);
        if (step.after !== undefined) this.#unlink(step.after);
        if (step.before !== undefined) this.#link(step.before, step.older);
        step.received.cursor = step.cursor;
        return this.#setChain(step.key, step.chain);
      case "confirm": {
        const { peer: received } = step.path;
        this.#hash.touch(step.path.key);
        received.remove(step.path);
        step.path.generation = step.generation;
        received.insert(step.path, step.older);
        received.cursor = step.cursor;
        return this.#setChain(step.path.key, step.chain);
      }
      case "walk":
        for (const chain of step.chains.toReversed()) this.#setChain(chain[0]?.key ?? "", chain);
        step.received.cursor = step.cursor;
        return;
      case "terms":
        if (step.before === undefined) this.#peers.delete(step.node);
        else step.received.terms = step.before;
        step.received.cursor = step.cursor;
        return;
      case "peer":
        this.#peers.set(step.received.terms.node, step.received);
        return;
      case "rejected":
        step.received.rejected = step.before;
        return;
      case "stone":
        if (step.before === undefined) this.tombstones.delete(step.stone);
        else this.tombstones.set(step.before);
        return;
    }
  }

  #link(path: Path, behind: Path | undefined): void {
    path.peer.insert(path, behind);
    // Own services end when they are removed.
    if (path.peer.terms.local !== true) this.#ends.add(path);
  }

  #unlink(path: Path): void {
    path.peer.remove(path);
    this.#ends.remove(path);
    path.next = undefined;
  }

  #order(key: ServiceName, paths: readonly Path[]): void {
    if (paths.length < 2) return this.#setChain(key, paths);
    const first = rank(paths, PATHS_MAX);
    const rest = paths.length > first.length ? paths.filter((path) => !first.includes(path)) : [];
    this.#setChain(key, [...first, ...rest]);
  }

  #setChain(key: ServiceName, chain: Chain): void {
    if (chain === undefined || chain instanceof Path) {
      if (chain !== undefined) chain.next = undefined;
      return this.#setHead(key, chain);
    }
    for (let i = 0; i < chain.length; i++) {
      const path = chain[i];
      if (path !== undefined) path.next = chain[i + 1];
    }
    this.#setHead(key, chain[0]);
  }

  #setHead(key: ServiceName, head: Path | undefined): void {
    if (head === undefined) this.#heads.delete(key);
    else this.#heads.set(key, head);
  }
}

/** Worse than the four in use, and alone in none of their places: they stay as they are, and it joins the others behind them. */
function joinsBehind(head: Path | undefined, after: Path): boolean {
  let last: Path | undefined;
  let path = head;
  for (let i = 0; i < PATHS_MAX; i++) {
    if (path === undefined || compare(path, after) > 0) return false;
    last = path;
    path = path.next;
  }
  if (last === undefined) return false;
  after.next = last.next;
  last.next = after;
  return true;
}

/** Whether the order of a peer's paths among others, or what the rules make of them, may have changed. */
function reorders(a: PeerTerms, b: PeerTerms): boolean {
  return (
    a.generation !== b.generation ||
    a.longStale !== b.longStale ||
    a.reach !== b.reach ||
    a.onLoss !== b.onLoss ||
    a.policy !== b.policy ||
    a.role !== b.role ||
    a.kind !== b.kind
  );
}

function sameBest(a: Best | undefined, b: Best | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

function changeOf<V>(before: V | undefined, after: V | undefined): { before?: V; after?: V } {
  if (after === undefined) return before === undefined ? {} : { before };
  return before === undefined ? { after } : { before, after };
}
