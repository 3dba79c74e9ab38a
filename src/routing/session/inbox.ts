// What one peer tells, frame by frame: sequence numbers, marks of begin and end, limits, sums. It says what each frame means for
// the route table and never touches the table itself. Invariant: what it holds is what the sender's table was at `lastSeq`, or a
// mark said that it is on the way there. It outlives sessions, so that the next one can go on where the last one stood.
// Follows docs/internals/session.md sections 4 to 6.

import type { Millis } from "#kernel";
import type { Buckets } from "../digest.ts";
import { isEcho } from "../echo.ts";
import type { PeerLimits, Route } from "../route.ts";
import { EMPTY_METER, metered, type RateMeter, tooFast } from "../route-limits.ts";
import type { NodeName, ServiceName } from "../service.ts";
import { Ledger } from "./ledger.ts";
import type {
  DigestAnswer,
  DigestMark,
  Frame,
  Notice,
  Open,
  Rejected,
  Resume,
  UpdateFrame,
  Withdraw,
} from "./message.ts";
import { notice } from "./notice.ts";

/** What a frame means for the routes of the peer. */
export type Told =
  /** The session goes on where it stood: all that is held is confirmed. */
  | { readonly kind: "confirmed" }
  | {
      readonly kind: "update";
      readonly withdraw: readonly Withdraw[];
      readonly advertise: readonly Route[];
      /** Shown with their reasons. */
      readonly rejected: readonly Rejected[];
    }
  /** Not told again between the marks: no longer so. */
  | { readonly kind: "swept"; readonly keys: readonly ServiceName[] }
  /** The end mark: what the peer tells is known as a whole. */
  | { readonly kind: "whole" };

export type Taken =
  | { readonly ok: true; readonly told: readonly Told[]; readonly done: boolean; readonly refresh?: Buckets }
  | { readonly ok: false; readonly notice: Notice };

const WARN_AT = 0.8;
/** Withdrawals are believed without a version, unless it is the origin that takes something back. */
const NO_VERSION = { epoch: 0, seq: 0 };

export class Inbox {
  readonly #node: NodeName;
  #ledger = new Ledger();
  #limits: PeerLimits;
  #epoch: string | undefined;
  #nextEpoch: string | undefined;
  #lastSeq = 0;
  #offered = false;
  #first = true;
  #whole = false;
  #begun: { readonly buckets: Buckets; readonly generation: number } | undefined;
  #generation = 0;
  #meter: RateMeter = EMPTY_METER;
  /** Routes told in the first synchronisation of the session: as many as the peer may hold cost no rate. */
  #allowance = 0;
  #askedAgain = false;
  /** Buckets and tables that had to be told again. */
  repairs = 0;
  lastEndAt: Millis | undefined;
  lastSameAt: Millis | undefined;

  /** `node`: this one, which is told. */
  constructor(node: NodeName, limits: PeerLimits) {
    this.#node = node;
    this.#limits = limits;
  }

  get routes(): number {
    return this.#ledger.size;
  }

  /** Everything the peer tells was known when it was last heard. */
  get whole(): boolean {
    return this.#whole;
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** True from 80 % of the limit on. */
  get nearLimit(): boolean {
    return this.#ledger.size >= this.#limits.routes * WARN_AT;
  }

  set limits(limits: PeerLimits) {
    this.#limits = limits;
  }

  /** For our own first words. */
  resume(restartMs: Millis): Resume | undefined {
    if (this.#epoch === undefined || !this.#whole || this.#lastSeq === 0) return undefined;
    return { epoch: this.#epoch, lastSeq: this.#lastSeq, restartMs };
  }

  /** A session begins; `offered`: our first words held a resume. */
  open(theirs: Open, offered: boolean, at: Millis): void {
    this.#offered = offered;
    this.#nextEpoch = theirs.epoch;
    this.#first = true;
    this.#begun = undefined;
    this.#askedAgain = false;
    this.#allowance = this.#limits.routes;
    this.#meter = { level: 0, at };
  }

  /** All that was told is gone. */
  clear(): void {
    this.#ledger = new Ledger();
    this.#epoch = undefined;
    this.#whole = false;
    this.#lastSeq = 0;
  }

  /** What a store kept over a restart; with a place, the session may go on from there. */
  restore(routes: Iterable<Route>, place: Pick<Resume, "epoch" | "lastSeq"> | undefined): void {
    this.clear();
    for (const route of routes) this.#ledger.put(route, this.#generation);
    this.#epoch = place?.epoch;
    this.#lastSeq = place?.lastSeq ?? 0;
    this.#whole = place !== undefined;
  }

  take(seq: number, frame: Frame, at: Millis): Taken {
    const told: Told[] = [];
    const wrong = this.#place(seq, frame, told);
    if (wrong !== undefined) return { ok: false, notice: wrong };
    switch (frame.kind) {
      case "begin":
        this.#generation += 1;
        this.#begun = { buckets: frame.buckets, generation: frame.generation };
        this.#whole = false;
        return { ok: true, told, done: false };
      case "update": {
        const over = this.#update(frame, told, at);
        if (over === undefined) return { ok: true, told, done: false };
        // What a refused frame said is nowhere but here, so the next session cannot go on after it.
        this.#whole = false;
        return { ok: false, notice: over };
      }
      case "end":
        return this.#end(frame, told, at);
    }
  }

  /** The digest call stands in order with the frames, so it speaks of exactly what is held now. */
  compare(mark: DigestMark, at: Millis): DigestAnswer | Notice {
    if (mark.seq !== this.#lastSeq) {
      return notice("sequence", `a digest speaks of frame ${mark.seq}, ${this.#lastSeq} is the last one`);
    }
    const differ = this.#ledger.digest.differ(mark.buckets);
    this.repairs += differ.length;
    if (differ.length > 0) return { differ };
    this.lastSameAt = at;
    return { same: true };
  }

  #place(seq: number, frame: Frame, told: Told[]): Notice | undefined {
    const first = this.#first;
    this.#first = false;
    if (first && seq === 1 && frame.kind === "begin") {
      this.#epoch = this.#nextEpoch;
      this.#lastSeq = 1;
      return undefined;
    }
    if (first && !this.#offered) return notice("sequence", `the first frame is ${seq}, not a begin mark`);
    if (seq !== this.#lastSeq + 1) {
      return notice("sequence", `frame ${seq} came after frame ${this.#lastSeq}`);
    }
    if (first) told.push({ kind: "confirmed" });
    this.#lastSeq = seq;
    return undefined;
  }

  #update({ withdraw, advertise, rejected = [] }: UpdateFrame, told: Told[], at: Millis): Notice | undefined {
    if (!this.#spend(withdraw.length + advertise.length + rejected.length, at)) {
      return notice("rate", `more than ${this.#limits.rate} routes a second`);
    }
    const held = withdraw.filter(({ key, tombstone }) => this.#ledger.remove(key) || tombstone !== undefined);
    let routes = advertise;
    if (advertise.some((route) => isEcho(route, this.#node))) {
      // The peer uses what this node told it: nothing for us, and the end of what it told of the name before.
      const echoes = advertise.filter((route) => isEcho(route, this.#node));
      for (const { key } of echoes) if (this.#ledger.remove(key)) held.push({ key, version: NO_VERSION });
      routes = advertise.filter((route) => !isEcho(route, this.#node));
    }
    for (const route of routes) this.#ledger.put(route, this.#generation);
    told.push({ kind: "update", withdraw: held, advertise: routes, rejected });
    if (this.#ledger.size <= this.#limits.routes) return undefined;
    return notice("maxRoutes", `more than ${this.#limits.routes} routes`);
  }

  #end({ generation, count, digest }: Extract<Frame, { kind: "end" }>, told: Told[], at: Millis): Taken {
    const begun = this.#begun;
    this.#begun = undefined;
    if (begun !== undefined && begun.generation !== generation) {
      return {
        ok: false,
        notice: notice("malformed", "an end mark of another generation than its begin mark"),
      };
    }
    const buckets = begun?.buckets ?? "all";
    if (begun !== undefined) {
      const keys = this.#ledger.unconfirmed(buckets, this.#generation);
      for (const key of keys) this.#ledger.remove(key);
      if (keys.length > 0) told.push({ kind: "swept", keys });
    }
    const { digest: own } = this.#ledger;
    this.#allowance = 0;
    this.lastEndAt = at;
    if (own.count(buckets) === count && own.sum(buckets) === digest) {
      this.#whole = true;
      told.push({ kind: "whole" });
      return { ok: true, told, done: true };
    }
    this.repairs += 1;
    // Once a session: what stays different then is found, and named by bucket, by the comparisons that follow.
    if (this.#askedAgain) return { ok: true, told: [...told, { kind: "whole" }], done: true };
    this.#askedAgain = true;
    return { ok: true, told, done: false, refresh: "all" };
  }

  #spend(routes: number, at: Millis): boolean {
    const free = Math.min(this.#allowance, routes);
    this.#allowance -= free;
    this.#meter = metered(this.#meter, routes - free, at, this.#limits);
    return !tooFast(this.#meter, this.#limits);
  }
}
