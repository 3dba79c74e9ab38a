// Peers that are told the same, because role, export policy, encoding and capabilities are equal: filtered once, encoded once. The
// group yields frames; two peers at the same place get the same frame object, so the driver encodes it once and sends the same
// bytes. Sending is clocked by acknowledgements: at most `credit` frames wait for one, and who is slow reads later, in newest
// state, alone. A frame that says nothing to a peer (split horizon, `echo.ts`) is not sent to it; one that says something is the
// same for all, but across organizations, where what passed through the peer's own is taken out. Follows
// docs/internals/session.md section 4.

import { Advertised, type Entry, type Slot, type Source } from "./advertised.ts";
import type { Buckets, Digest } from "./digest.ts";
import type { Listener } from "./echo.ts";
import type { Route } from "./route.ts";
import type { NodeName, OrgName, ServiceName } from "./service.ts";
import type { DigestMark, Frame, Resume, UpdateFrame, Withdraw } from "./session/message.ts";

export const FRAME = {
  /** About 2.5 ms of the receiver's CPU. */
  routes: 500,
  bytes: 256 * 1024,
  window: 8,
  windowMax: 32,
  /** Frames in a row that say nothing to a peer and are not sent; the next one is, empty, and its acknowledgement goes on. */
  skipped: 8,
  /** Places a peer may resume from. */
  marks: 64,
} as const;

export type Send =
  | {
      readonly kind: "frame";
      readonly seq: number;
      /** The same object for peers that get the same: the key of a cache of bytes. */
      readonly frame: Frame;
      readonly routes: number;
    }
  /** In order with the frames; its answer comes back through `compared`. */
  | { readonly kind: "digest"; readonly mark: DigestMark };

/** Where a peer stands after a frame. `whole`: between marks of begin and end nothing can be resumed. */
interface Mark {
  readonly seq: number;
  readonly slot: Slot;
  readonly whole: boolean;
}

interface Member {
  readonly node: NodeName;
  readonly organization: OrgName;
  live: boolean;
  epoch: string;
  cursor: Slot;
  seq: number;
  acked: number;
  credit: number;
  marks: Mark[];
  /** Frames behind `from`, up to `to`, were sent on more than one session of this epoch, and did not say the same. */
  twice: { readonly from: number; readonly to: number } | undefined;
  generation: number;
  /** Begin mark to be said. */
  begin: Buckets | undefined;
  /** Between begin and end, or an end mark is due after a resume. */
  open: Buckets | undefined;
  /** It was begun with a mark: until the end mark the peer holds a mixture, from which nothing can be resumed. */
  begun: boolean;
  /** What is left of some buckets that are told once more. */
  again: ServiceName[];
  endSeq: number | undefined;
  digest: "none" | "due" | "asked";
}

export interface MemberStatus {
  readonly inFlight: number;
  /** Changes that are not sent yet. */
  readonly behind: number;
  readonly seq: number;
  readonly acked: number;
}

interface Batch {
  readonly from: Slot;
  readonly to: Slot;
  readonly entries: readonly Entry[];
  readonly frame: UpdateFrame;
  readonly personal: Map<OrgName, UpdateFrame>;
}

/** Says nothing; where it is sent, it asks for an acknowledgement. */
const NOTHING: UpdateFrame = { kind: "update", withdraw: [], advertise: [] };

/** Members at different places whose batches are kept. */
const BATCHES_MAX = 16;

export class UpdateGroup<S extends Source> {
  readonly #own: OrgName;
  readonly #members = new Map<NodeName, Member>();
  readonly #batches = new Map<Slot, Batch>();
  readonly table: Advertised<S>;

  constructor(own: OrgName, table: Advertised<S>) {
    this.#own = own;
    this.table = table;
  }

  get members(): Iterable<NodeName> {
    return this.#members.keys();
  }

  get size(): number {
    return this.#members.size;
  }

  has(node: NodeName): boolean {
    return this.#members.has(node);
  }

  advertise(source: S, route: Route): boolean {
    return this.table.advertise(source, route);
  }

  withdraw(key: ServiceName, tombstone?: Pick<Withdraw, "version" | "tombstone">): boolean {
    return this.table.withdraw(key, tombstone);
  }

  /**
   * A session with this peer begins. Goes on where the peer stands when it still holds what it was told here; otherwise tells
   * everything between begin and end marks, under the new epoch. Returns whether it goes on.
   */
  join(node: NodeName, organization: OrgName, epoch: string, resume: Resume | undefined): boolean {
    const known = this.#members.get(node);
    const mark = known === undefined ? undefined : resumable(known, resume);
    if (known !== undefined && mark !== undefined) {
      known.live = true;
      const { twice } = known;
      if (mark.seq < known.seq) {
        const from = Math.min(mark.seq, twice?.from ?? mark.seq);
        known.twice = { from, to: Math.max(known.seq, twice?.to ?? 0) };
      }
      known.cursor = mark.slot;
      known.seq = mark.seq;
      known.acked = mark.seq;
      known.credit = FRAME.window;
      known.marks = known.marks.filter(({ seq }) => seq <= mark.seq);
      known.open = "all";
      known.begun = false;
      reset(known);
      return true;
    }
    this.#members.set(node, {
      node,
      organization,
      live: true,
      epoch,
      cursor: 0,
      seq: 0,
      acked: 0,
      credit: FRAME.window,
      marks: [],
      twice: undefined,
      generation: (known?.generation ?? 0) + 1,
      begin: "all",
      open: undefined,
      begun: false,
      again: [],
      endSeq: undefined,
      digest: "none",
    });
    return false;
  }

  /** The session ended; what the peer was told is remembered for a resume until `remove`. */
  leave(node: NodeName): void {
    const member = this.#members.get(node);
    if (member !== undefined) member.live = false;
  }

  remove(node: NodeName): void {
    this.#members.delete(node);
  }

  /** Peers whose export policy changed part from the others, with what they were told; then the new policy is applied as changes. */
  fork(nodes: Iterable<NodeName>): UpdateGroup<S> {
    const group = new UpdateGroup<S>(this.#own, this.table.fork());
    for (const node of nodes) {
      const member = this.#members.get(node);
      if (member === undefined) continue;
      this.#members.delete(node);
      group.#members.set(node, member);
    }
    return group;
  }

  /** Tells some buckets, or all, once more between marks. */
  refresh(node: NodeName, buckets: Buckets): void {
    const member = this.#members.get(node);
    if (member === undefined) return;
    const { begin } = member;
    if (begin === undefined || buckets === "all") member.begin = buckets;
    else if (begin !== "all") member.begin = [...new Set([...begin, ...buckets])];
  }

  /** The next comparison is due; it is made when the peer has been told everything. One that got no answer is made again. */
  compare(node: NodeName): void {
    const member = this.#members.get(node);
    if (member !== undefined) member.digest = "due";
  }

  /** The answer to a comparison. Returns how many buckets differ; they are told once more. */
  compared(node: NodeName, differ: readonly number[]): number {
    const member = this.#members.get(node);
    if (member === undefined || !member.live || member.digest === "none") return 0;
    if (member.digest === "asked") member.digest = "none";
    if (differ.length > 0) this.refresh(node, differ);
    return differ.length;
  }

  /** Returns "end" when the acknowledgement covers the end mark of a synchronisation. */
  ack(node: NodeName, seq: number, credit: number): "end" | undefined {
    const member = this.#members.get(node);
    if (member === undefined || !member.live) return undefined;
    member.credit = Math.min(Math.max(Math.trunc(credit), 1), FRAME.windowMax);
    // An acknowledgement of what was never sent counts as that of the last frame.
    member.acked = Math.max(member.acked, Math.min(seq, member.seq));
    if (member.endSeq === undefined || member.acked < member.endSeq) return undefined;
    member.endSeq = undefined;
    return "end";
  }

  status(node: NodeName): MemberStatus | undefined {
    const member = this.#members.get(node);
    if (member === undefined) return undefined;
    const { seq, acked, cursor } = member;
    return { seq, acked, inFlight: seq - acked, behind: this.table.tail - cursor };
  }

  /** What may be sent to this peer now. `whole`: what it is told may be called everything. */
  drain(node: NodeName, whole = true): Send[] {
    const member = this.#members.get(node);
    const sends: Send[] = [];
    if (member === undefined || !member.live) return sends;
    while (member.seq - member.acked < member.credit) {
      const send = this.#next(member, whole);
      if (send === undefined) break;
      sends.push(send);
      if (send.kind === "frame" && send.frame === NOTHING) break;
    }
    this.#dropBatches();
    this.table.compact(this.#readByAll());
    return sends;
  }

  #next(member: Member, whole: boolean): Send | undefined {
    if (member.begin !== undefined && member.open === undefined) return this.#begin(member, member.begin);
    const replay = member.again.length > 0 ? this.#replay(member) : undefined;
    if (replay !== undefined) return replay;
    const change = this.#change(member);
    if (change !== undefined) return push(member, change);
    member.cursor = this.table.tail;
    if (member.open !== undefined) return whole ? this.#end(member, member.open) : undefined;
    if (member.digest !== "due") return undefined;
    member.digest = "asked";
    return { kind: "digest", mark: { seq: member.seq, buckets: this.#digest(member).sums() } };
  }

  /** The next frame of changes that says something to this peer. */
  #change(member: Member): UpdateFrame | undefined {
    for (let skipped = 0; skipped < FRAME.skipped; skipped++) {
      const batch = member.cursor < this.table.tail ? this.#batch(member.cursor) : undefined;
      if (batch === undefined) return undefined;
      member.cursor = batch.to;
      const frame = this.#frameFor(batch, member);
      if (frame !== NOTHING) return frame;
    }
    return NOTHING;
  }

  #begin(member: Member, buckets: Buckets): Send {
    member.begin = undefined;
    member.open = buckets;
    member.begun = true;
    if (member.seq > 0) member.generation += 1;
    if (buckets === "all") member.cursor = 0;
    else member.again = [...this.table.inBuckets(buckets)];
    return push(member, { kind: "begin", generation: member.generation, buckets });
  }

  #end(member: Member, buckets: Buckets): Send {
    const digest = this.#digest(member);
    const { generation } = member;
    // What was told before a whole table is of no use for a resume any more, and would keep entries of the past alive.
    if (member.begun && buckets === "all") member.marks = [];
    member.open = undefined;
    member.begun = false;
    const end: Frame = { kind: "end", generation, count: digest.count(buckets), digest: digest.sum(buckets) };
    const send = push(member, end);
    member.endSeq = member.seq;
    return send;
  }

  /** The next entries of refreshed buckets; one that changed meanwhile comes with the changes. */
  #replay(member: Member): Send | undefined {
    const advertise: Route[] = [];
    let bytes = 0;
    for (let key = member.again.at(-1); key !== undefined; key = member.again.at(-1)) {
      const entry = this.table.entry(key);
      const route = entry?.route;
      if (entry !== undefined && route !== undefined && this.#hasRead(member, entry)) {
        if (advertise.length > 0 && full(advertise.length, bytes + entry.bytes)) break;
        advertise.push(route);
        bytes += entry.bytes;
      }
      member.again.pop();
    }
    return advertise.length === 0 ? undefined : push(member, { kind: "update", withdraw: [], advertise });
  }

  /** The changes after a slot, as far as they fit in one frame; the same object while nothing in it changes. */
  #batch(from: Slot): Batch | undefined {
    const known = this.#batches.get(from);
    if (known?.entries.every(({ place, slot }) => this.table.slot(place) === slot) === true) return known;
    const entries: Entry[] = [];
    const withdraw: Withdraw[] = [];
    const advertise: Route[] = [];
    let bytes = 0;
    for (const entry of this.table.after(from)) {
      if (entries.length > 0 && full(entries.length, bytes + entry.bytes)) break;
      entries.push(entry);
      bytes += entry.bytes;
      if (entry.gone !== undefined) withdraw.push(entry.gone);
      if (entry.route !== undefined) advertise.push(entry.route);
    }
    const to = entries.at(-1)?.slot;
    if (to === undefined) return undefined;
    const frame: UpdateFrame = { kind: "update", withdraw, advertise };
    const batch: Batch = { from, to, entries, frame, personal: new Map() };
    this.#batches.delete(from);
    this.#batches.set(from, batch);
    for (const oldest of this.#batches.keys()) {
      if (this.#batches.size <= BATCHES_MAX) break;
      this.#batches.delete(oldest);
    }
    return batch;
  }

  /** Inside the organization an echo that comes along is dropped by the receiver. */
  #frameFor(batch: Batch, to: Listener): UpdateFrame {
    const { entries, from, frame, personal } = batch;
    const { organization } = to;
    if (organization === this.#own) {
      const says = entries.some((entry) => this.table.tells(entry, to) || entry.since > from);
      return says ? frame : NOTHING;
    }
    const known = personal.get(organization) ?? this.#personal(batch, to);
    personal.set(organization, known);
    return known;
  }

  /** Without what the peer is left out of; what it was told before, when it came another way, is taken back. */
  #personal({ entries, from, frame }: Batch, to: Listener): UpdateFrame {
    const withdraw: Withdraw[] = [];
    const advertise: Route[] = [];
    let left = false;
    for (const entry of entries) {
      const { key, version, route, gone, since } = entry;
      if (!this.table.tells(entry, to)) {
        left = true;
        if (since > from) withdraw.push(gone ?? { key, version });
      } else if (gone !== undefined) withdraw.push(gone);
      else if (route !== undefined) advertise.push(route);
    }
    if (!left) return frame;
    return withdraw.length + advertise.length > 0 ? { kind: "update", withdraw, advertise } : NOTHING;
  }

  /** And was told of it. */
  #hasRead(member: Member, entry: Entry): boolean {
    return entry.slot <= member.cursor && this.table.tells(entry, member);
  }

  #digest(member: Member): Digest {
    return this.table.digestFor(member);
  }

  /** Those that nobody has before them any more hold routes for nothing. */
  #dropBatches(): void {
    if (this.#batches.size === 0) return;
    let least = this.table.tail;
    for (const { live, cursor } of this.#members.values()) if (live) least = Math.min(least, cursor);
    for (const from of this.#batches.keys()) if (from < least) this.#batches.delete(from);
  }

  /** Up to where no member can come back behind. */
  #readByAll(): Slot {
    let least = this.table.tail;
    for (const { cursor, marks } of this.#members.values()) least = Math.min(least, marks[0]?.slot ?? cursor);
    return least;
  }
}

const full = (routes: number, bytes: number): boolean => routes >= FRAME.routes || bytes > FRAME.bytes;

function push(member: Member, frame: Frame): Send {
  member.seq += 1;
  const { seq, cursor, begun } = member;
  member.marks.push({ seq, slot: cursor, whole: !begun });
  if (member.marks.length > FRAME.marks) member.marks.shift();
  const routes = frame.kind === "update" ? frame.withdraw.length + frame.advertise.length : 0;
  return { kind: "frame", seq, frame, routes };
}

/**
 * Where the peer stands, if it is still known and everything up to there was whole. First words can be late: words of an older
 * dial make a session go back to where the peer stood then, and its frames take the numbers of frames that the peer has by now.
 */
function resumable(member: Member, resume: Resume | undefined): Mark | undefined {
  if (resume === undefined || resume.epoch !== member.epoch) return undefined;
  const { twice } = member;
  if (twice !== undefined && resume.lastSeq > twice.from && resume.lastSeq <= twice.to) return undefined;
  const mark = member.marks.find(({ seq }) => seq === resume.lastSeq);
  return mark?.whole === true ? mark : undefined;
}

function reset(member: Member): void {
  member.begin = undefined;
  member.again = [];
  member.endSeq = undefined;
  member.digest = "none";
}
