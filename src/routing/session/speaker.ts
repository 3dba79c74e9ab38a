// All sessions of one node in one place: what comes from a wire goes in, what is to be done comes out, as data. It joins the state
// machine of each peering with what the peer tells (inbox) and is told (update groups). It has no clock, no socket and no
// randomness; the driver on the wire and the simulation feed the same inputs and perform the same outputs.
// Outputs stand in the order in which they are to be done; for one connection that order must be kept.

import type { Millis } from "#kernel";
import type { PeerIntent, PeerKind, PeerLimits, Route } from "../route.ts";
import type { NodeName, ServiceName } from "../service.ts";
import { type Audience, Audiences } from "./audiences.ts";
import { Inbox } from "./inbox.ts";
import type { Notice, Open, Resume, Withdraw } from "./message.ts";
import { notice } from "./notice.ts";
import { deadline, newSession, step } from "./session.ts";
import type { Exported, Exports, PeerReport, SpeakerInput, SpeakerOutput, SpeakerSelf } from "./speech.ts";
import { Start } from "./start.ts";
import type { Conn, Fate, Session, SessionInput, SessionOutput } from "./state.ts";
import { TIMERS } from "./timers.ts";

interface Peer {
  session: Session;
  readonly inbox: Inbox;
  audience: Audience | undefined;
  /** Number of first words said; names the epoch of what follows them. */
  epochs: number;
  /** What was said on connections that are not up yet. */
  readonly said: Map<Conn, Open>;
  digestAt: Millis | undefined;
  away: Away | undefined;
}

/** What the peer told is kept without a session: until when it is stale, then a last resort, then gone. */
interface Away {
  readonly since: Millis;
  readonly longAt: Millis;
  readonly goneAt: Millis;
  readonly long: boolean;
}

const CREDIT = 8;

export class Speaker {
  readonly #self: SpeakerSelf;
  readonly #exports: Exports;
  readonly #peers = new Map<NodeName, Peer>();
  readonly #audiences: Audiences;
  readonly #start = new Start(() => this.#sessions());
  #out: SpeakerOutput[] = [];

  /** `slice`: names that are looked at in one go when a table is made. */
  constructor(self: SpeakerSelf, exports: Exports, slice?: number) {
    this.#self = self;
    this.#exports = exports;
    this.#audiences = new Audiences(self.organization, exports, slice);
  }

  get nodes(): Iterable<NodeName> {
    return this.#peers.keys();
  }

  report(node: NodeName): PeerReport | undefined {
    const peer = this.#peers.get(node);
    if (peer === undefined) return undefined;
    const { session, inbox, away } = peer;
    const status = peer.audience?.group.status(node);
    return {
      session,
      routes: inbox.routes,
      nearLimit: inbox.nearLimit,
      repairs: inbox.repairs,
      lastEndAt: inbox.lastEndAt,
      lastSameAt: inbox.lastSameAt,
      advertised: peer.audience?.group.table.countFor(session.intent) ?? 0,
      behind: status?.behind ?? 0,
      inFlight: status?.inFlight ?? 0,
      stale: away === undefined ? "no" : away.long ? "long" : "stale",
      staleSince: away?.since,
    };
  }

  /** For the store: where the peer's words stand, when what was told before is known as a whole. */
  place(node: NodeName): Pick<Resume, "epoch" | "lastSeq"> | undefined {
    return this.#peers.get(node)?.inbox.resume(0);
  }

  /**
   * After a restart, before the first session: routes that a store kept; they are stale until confirmed. `since`: the peer was away
   * before the restart too, for a node that starts again and again does not make them younger.
   */
  restore(
    node: NodeName,
    routes: Iterable<Route>,
    place: Pick<Resume, "epoch" | "lastSeq"> | undefined,
    at: Millis,
    since: Millis = at,
  ): void {
    const peer = this.#peers.get(node);
    if (peer === undefined) return;
    peer.inbox.restore(routes, place);
    peer.away = awayFrom(Math.min(since, at), peer.session.intent.kind, TIMERS.restartMs);
  }

  /** The soonest time at which a `wake` is wanted, of one peer or of all. */
  due(node?: NodeName): Millis | undefined {
    if (node !== undefined) {
      const peer = this.#peers.get(node);
      return peer === undefined ? undefined : this.#due(peer);
    }
    let least: Millis | undefined;
    for (const peer of this.#peers.values()) {
      const at = this.#due(peer);
      if (at !== undefined && (least === undefined || at < least)) least = at;
    }
    return least;
  }

  input(input: SpeakerInput): SpeakerOutput[] {
    switch (input.kind) {
      case "wake":
        for (const [node, peer] of this.#peers) {
          if (input.node !== undefined && input.node !== node) continue;
          const at = this.#due(peer);
          if (at !== undefined && at <= input.at) this.#wake(node, peer, input);
        }
        break;
      case "configure":
        this.#configure(input);
        break;
      case "remove":
        this.#remove(input);
        break;
      case "drain":
        for (const node of this.#peers.keys()) this.#step(node, { ...input, kind: "drain" });
        break;
      default:
        this.#wire(input);
    }
    // What is configured before anything else happens is there from the start.
    if (input.kind !== "configure") for (const node of this.#start.look(input.at)) this.#send(node, input.at);
    return this.#taken();
  }

  /** Peers under this policy are to be told, with the next `flush`. */
  advertise(policy: string, exported: Exported): void {
    this.#audiences.advertise(policy, exported);
  }

  withdraw(policy: string, key: ServiceName, tombstone?: Pick<Withdraw, "version" | "tombstone">): void {
    this.#audiences.withdraw(policy, key, tombstone);
  }

  /** Tells what changed since the last time, as far as the peers' windows allow. */
  flush(at: Millis): SpeakerOutput[] {
    for (const node of this.#audiences.takeChanged()) this.#send(node, at);
    return this.#taken();
  }

  /** Tables are not whole yet: `fill` goes on with them, as soon as everything else had its turn. */
  get filling(): boolean {
    return this.#audiences.filling;
  }

  fill(at: Millis): SpeakerOutput[] {
    this.#audiences.fill();
    return this.flush(at);
  }

  /** Export policies changed; what else changed at that moment is told after it, then `flush`. */
  regroup(): void {
    this.#audiences.regroup((node, audience) => {
      const peer = this.#peers.get(node);
      if (peer !== undefined) peer.audience = audience;
    });
  }

  #configure({ intent, at, random }: Extract<SpeakerInput, { kind: "configure" }>): void {
    const known = this.#peers.get(intent.node);
    if (known !== undefined) {
      known.inbox.limits = intent.limits;
      this.#step(intent.node, { kind: "configure", intent, at, random });
      return;
    }
    this.#peers.set(intent.node, {
      session: newSession(this.#self.node, intent, at),
      inbox: new Inbox(this.#self.node, intent.limits),
      audience: undefined,
      epochs: 0,
      said: new Map(),
      digestAt: undefined,
      away: undefined,
    });
  }

  #remove({ node, at, random, reason }: Extract<SpeakerInput, { kind: "remove" }>): void {
    const peer = this.#peers.get(node);
    if (peer === undefined) return;
    const intent: PeerIntent = { ...peer.session.intent, adminDown: { reason } };
    this.#step(node, { kind: "configure", intent, at, random });
    const { phase } = peer.session;
    if (phase.state === "closing") this.#out.push({ kind: "close", node, conn: phase.conn });
    this.#part(node, peer);
    this.#peers.delete(node);
  }

  #wake(node: NodeName, peer: Peer, { at, random }: { at: Millis; random: number }): void {
    this.#step(node, { kind: "wake", at, random });
    if (peer.digestAt !== undefined && at >= peer.digestAt) {
      const spread = 1 + TIMERS.digestSpread * (2 * random - 1);
      peer.digestAt = at + Math.round(TIMERS.digestMs * spread);
      peer.audience?.group.compare(node);
      this.#send(node, at);
    }
    const { away } = peer;
    if (away === undefined) return;
    if (at >= away.goneAt) this.#forget(node, peer);
    else if (!away.long && at >= away.longAt) {
      peer.away = { ...away, long: true };
      this.#out.push({ kind: "routes", node, told: { kind: "longStale" } });
    }
  }

  #wire(input: Exclude<SpeakerInput, { kind: "wake" | "configure" | "remove" | "drain" }>): void {
    const { node } = input;
    const peer = this.#peers.get(node);
    if (peer === undefined) return;
    switch (input.kind) {
      case "asked":
      case "dialled":
      case "answered": {
        // An answer is judged by the words that were said on its connection.
        const mine = peer.said.get(input.conn) ?? this.#open(peer, input.at);
        peer.said.set(input.conn, mine);
        this.#step(node, { ...input, mine });
        if (input.kind !== "dialled") peer.said.delete(input.conn);
        return;
      }
      case "closed":
        peer.said.delete(input.conn);
        this.#step(node, input);
        return;
      case "frame":
        return this.#frame(input, peer);
      case "acked": {
        if (!current(peer, input.conn)) return;
        const end = peer.audience?.group.ack(node, input.seq, input.credit);
        this.#step(node, { ...input, kind: "acked" });
        if (end !== undefined) this.#step(node, { ...input, kind: "done", side: "out" });
        this.#send(node, input.at);
        return;
      }
      case "compare": {
        if (!current(peer, input.conn)) return;
        const answer = peer.inbox.compare(input.mark, input.at);
        if ("code" in answer) this.#step(node, { ...input, kind: "fail", notice: answer });
        else this.#out.push({ kind: "compared", node, conn: input.conn, answer });
        this.#step(node, { ...input, kind: "heard" });
        return;
      }
      case "compared": {
        if (!current(peer, input.conn)) return;
        peer.audience?.group.compared(node, "differ" in input.answer ? input.answer.differ : []);
        this.#step(node, { ...input, kind: "heard" });
        this.#send(node, input.at);
        return;
      }
      case "refresh":
        if (!current(peer, input.conn)) return;
        peer.audience?.group.refresh(node, input.buckets);
        this.#step(node, { ...input, kind: "heard" });
        this.#send(node, input.at);
        return;
      default:
        this.#step(node, input);
    }
  }

  #frame({ node, conn, seq, frame, at, random }: Extract<SpeakerInput, { kind: "frame" }>, peer: Peer): void {
    if (!current(peer, conn)) return;
    const taken = frame === undefined ? malformed() : peer.inbox.take(seq, frame, at);
    if (!taken.ok) {
      this.#step(node, { kind: "fail", conn, notice: taken.notice, at, random });
      return;
    }
    this.#step(node, { kind: "received", conn, seq, at, random });
    for (const told of taken.told) this.#out.push({ kind: "routes", node, told });
    // Routes stop being stale when a whole table is known, or was all the time.
    if (taken.told.some(({ kind }) => kind === "whole" || kind === "confirmed")) peer.away = undefined;
    this.#out.push({ kind: "ack", node, conn, acked: seq, credit: CREDIT });
    if (taken.refresh !== undefined) {
      this.#out.push({ kind: "refresh", node, conn, buckets: taken.refresh });
    }
    if (taken.done) this.#start.heard(node);
    if (taken.done) this.#step(node, { kind: "done", conn, side: "in", at, random });
  }

  #step(node: NodeName, input: SessionInput): void {
    const peer = this.#peers.get(node);
    if (peer === undefined) return;
    const { session, outputs } = step(peer.session, input);
    peer.session = session;
    for (const output of outputs) this.#follow(node, peer, output, input);
  }

  #follow(node: NodeName, peer: Peer, output: SessionOutput, { at, random }: SessionInput): void {
    switch (output.kind) {
      case "up": {
        this.#join(node, peer, output, at);
        peer.digestAt = at + Math.round(TIMERS.digestMs * (1 + TIMERS.digestSpread * (2 * random - 1)));
        this.#out.push({ ...output, node });
        this.#send(node, at);
        return;
      }
      case "down":
        peer.audience?.group.leave(node);
        peer.digestAt = undefined;
        this.#out.push({ ...output, node });
        return this.#lost(node, peer, output.fate, at, output.restartMs);
      case "gone":
        this.#out.push({ ...output, node });
        return this.#forget(node, peer);
      default:
        this.#out.push({ ...output, node });
    }
  }

  #join(
    node: NodeName,
    peer: Peer,
    { conn, agreed, theirs }: Extract<SessionOutput, { kind: "up" }>,
    at: Millis,
  ): void {
    const mine = peer.said.get(conn);
    peer.said.clear();
    peer.inbox.open(theirs, mine?.resume !== undefined, at);
    const policy = this.#exports.policy(node);
    const capabilities = JSON.stringify(Object.entries(agreed.capabilities).sort());
    const terms = `${agreed.encoding} ${agreed.version} ${capabilities}`;
    const audience = this.#audiences.find(policy, terms, peer.audience);
    if (audience !== peer.audience) this.#part(node, peer);
    peer.audience = audience;
    const epoch = mine?.epoch ?? "";
    audience.group.join(node, peer.session.intent.organization, epoch, theirs.resume);
  }

  #part(node: NodeName, peer: Peer): void {
    if (peer.audience !== undefined) this.#audiences.part(node, peer.audience);
    peer.audience = undefined;
  }

  #lost(node: NodeName, peer: Peer, fate: Fate, at: Millis, restartMs: Millis = TIMERS.restartMs): void {
    const { onLoss, kind } = peer.session.intent;
    if (fate === "gone" || (fate === "lost" && onLoss === "withdraw")) return this.#forget(node, peer);
    // Still waiting for a first word of the session before: nothing was confirmed, so nothing is to be marked.
    if (peer.away !== undefined && peer.inbox.whole) return;
    // A peer that comes and goes does not make its routes younger.
    peer.away ??= awayFrom(at, kind, restartMs);
    this.#out.push({ kind: "routes", node, told: { kind: "stale" } });
  }

  #forget(node: NodeName, peer: Peer): void {
    peer.away = undefined;
    peer.inbox.clear();
    if (peer.session.phase.state !== "established") this.#part(node, peer);
    this.#out.push({ kind: "routes", node, told: { kind: "gone" } });
  }

  #open(peer: Peer, at: Millis): Open {
    const resume = peer.inbox.resume(TIMERS.restartMs);
    peer.epochs += 1;
    const starting = !this.#start.mayEnd(peer.session.intent.node, at);
    const open = { ...this.#words(peer), ...(starting ? { starting } : {}) };
    return resume === undefined ? open : { ...open, resume };
  }

  #words({ session: { intent }, epochs }: Peer): Open {
    const { node, organization, incarnation, versions, encodings, capabilities } = this.#self;
    const holdMs = intent.holdMs ?? (intent.kind === "internal" ? TIMERS.holdMs : TIMERS.externalHoldMs);
    const limits: PeerLimits = intent.limits;
    const epoch = `${incarnation}.${epochs}`;
    return {
      versions,
      node,
      organization,
      incarnation,
      role: intent.role,
      holdMs,
      sendHoldMs: holdMs * TIMERS.sendHoldFactor,
      encodings,
      epoch,
      limits,
      capabilities,
    };
  }

  #send(node: NodeName, at: Millis): void {
    const peer = this.#peers.get(node);
    if (peer?.audience === undefined || peer.session.phase.state !== "established") return;
    const { conn } = peer.session.phase;
    const whole = this.#audiences.whole(peer.audience) && this.#start.mayEnd(node, at);
    for (const send of peer.audience.group.drain(node, whole)) {
      if (send.kind === "digest") {
        this.#out.push({ kind: "compare", node, conn, mark: send.mark });
        continue;
      }
      const { seq, frame, routes } = send;
      this.#out.push({ kind: "frame", node, conn, seq, frame, routes });
      this.#step(node, { kind: "sent", conn, seq, at, random: 0 });
    }
  }

  *#sessions(): Iterable<Session> {
    for (const { session } of this.#peers.values()) yield session;
  }

  #due({ session, digestAt, away }: Peer): Millis | undefined {
    const awayAt = away?.long === true ? away.goneAt : away?.longAt;
    const times = [deadline(session), digestAt, awayAt, this.#start.due(session)];
    const set = times.filter((time) => time !== undefined);
    return set.length === 0 ? undefined : Math.min(...set);
  }

  #taken(): SpeakerOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }
}

const current = ({ session: { phase } }: Peer, conn: Conn): boolean =>
  phase.state === "established" && phase.conn === conn;

function awayFrom(at: Millis, kind: PeerKind, restartMs: Millis): Away {
  const longMs = kind === "internal" ? TIMERS.longStaleInternalMs : TIMERS.longStaleExternalMs;
  const longAt = at + Math.min(restartMs, longMs);
  return { since: at, longAt, goneAt: longAt + longMs, long: false };
}

const malformed = (): { readonly ok: false; readonly notice: Notice } => ({
  ok: false,
  notice: notice("malformed", "a frame that does not parse"),
});
