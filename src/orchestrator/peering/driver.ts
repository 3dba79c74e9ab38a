// The driver of this node's sessions on real connections: it feeds the speaker what the wire hears and does what the speaker says,
// as `docs/internals/session.md` lists it. What a peer tells goes through the event loop and is acknowledged when it is committed;
// what a commit changes is told to the peers. The simulation has a driver of its own that does the same. Invariants: outputs are
// performed in their order, one input after the other; nothing here waits; a promise that fails is told.

import { randomBytes } from "node:crypto";
import type { Clock, Log, Loop, Millis, Random } from "#kernel";
import { CatalystError } from "#rpc";
import {
  EMPTY_METER,
  type Commit,
  type Encoding,
  type FrameHead,
  type LimitState,
  limitState,
  type NodeName,
  type NodeTypes,
  notice,
  type Notice,
  type PeerIntent,
  type PeerReport,
  type Progress,
  type Routes,
  Speaker,
  type SpeakerInput,
  type SpeakerOutput,
} from "#routing";
import { Connection, type Driven, type Happened } from "./connection.ts";
import type { Exports } from "./exports.ts";
import { Lane } from "./lane.ts";
import { leave } from "./leave.ts";
import type { LearnedPort, Original, ReadFrame, Standing } from "./learned.ts";
import type { Knock, LinkHandler, PeerWire, WirePeer } from "./link.ts";

export interface DriverPorts {
  readonly loop: Loop<NodeTypes>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly wire: PeerWire;
  /** Checks and reads what a peer sends; never throws. */
  readonly decode: (head: FrameHead, bytes: Uint8Array) => ReadFrame;
  readonly encodings: readonly Encoding[];
  readonly exports: Exports;
  readonly learned: LearnedPort | undefined;
  /** A piece of a content that this peer was told of; throws where it was not. */
  readonly blob: (node: NodeName, hash: string, offset: number) => ReturnType<LinkHandler["blob"]>;
  readonly keys: LinkHandler["keys"];
  /** For log and journal. */
  readonly say: (level: "info" | "warn", kind: string, text: string, node: NodeName) => void;
}

interface Input {
  readonly what: Happened;
  readonly original: Original | undefined;
}

/** Routes of one event when a restart brings them back. */
const RESTORE_SLICE = 500;
/** A wake at most this often, however many peers there are. */
const WAKE_GAP_MS = 20;
/** Last words of all sessions when the node stops: less than the second that each has, twice. */
const DRAIN_MS = 1_500;
/** Its peers are to come back in a second. */
const STOPPING = notice("draining", "this node is stopping", { afterMs: 1_000 });

export class Driver {
  readonly #ports: DriverPorts;
  readonly #speaker: Speaker;
  readonly #lane: Lane;
  readonly #connections = new Map<NodeName, Map<string, Connection>>();
  /** The last event of each peer that is on its way into the state. */
  readonly #told = new Map<NodeName, Promise<unknown>>();
  readonly #limits = new Map<NodeName, LimitState>();
  readonly #inputs: Input[] = [];
  readonly #startedAt: Millis;
  #performing = false;
  #filling = false;
  #accepted = 0;
  /** Who knocks is sent away. */
  #stopping = false;
  #wakeAt = Number.POSITIVE_INFINITY;
  #cancelWake: () => void = () => {};
  #unwatch: () => void = () => {};
  /** As it was told what is being taken, for the store. */
  #original: Original | undefined;
  #started = false;
  #stopped = false;
  #emptied: () => void = () => {};

  constructor(ports: DriverPorts) {
    this.#ports = ports;
    this.#startedAt = ports.clock.now() - ports.clock.monotonic();
    this.#lane = new Lane(ports.loop);
    const { exports } = ports;
    this.#speaker = new Speaker(
      {
        node: exports.self.node,
        organization: exports.self.organization,
        incarnation: randomBytes(9).toString("base64url"),
        versions: [1, 1],
        encodings: ports.encodings,
        capabilities: {},
      },
      {
        policy: (node) => exports.policy(node) ?? "",
        keys: () => exports.keys(),
        exported: (policy, key) => exports.exported(policy, key),
        route: (policy, path) => exports.told(policy, path),
      },
    );
    this.#unwatch = ports.loop.watch(({ commit }) => {
      if (commit !== undefined) this.#propagate(commit);
    });
  }

  /** The time of all sessions: never goes back, never jumps. */
  get now(): Millis {
    return Math.round(this.#startedAt + this.#ports.clock.monotonic());
  }

  report(node: NodeName): PeerReport | undefined {
    return this.#speaker.report(node);
  }

  limit(node: NodeName): LimitState | undefined {
    return this.#limits.get(node);
  }

  /** The connection of the session, or one that is to become it. */
  connection(node: NodeName): Connection | undefined {
    const phase = this.#speaker.report(node)?.session.phase;
    if (phase === undefined || phase.state === "idle") return undefined;
    return this.#connections.get(node)?.get(phase.conn);
  }

  /** What is kept by peer, in numbers; all zero when the last one was removed. */
  get held(): Readonly<Record<"peers" | "connections" | "told" | "limits", number>> {
    return {
      peers: [...this.#speaker.nodes].length,
      connections: this.#connections.size,
      told: this.#told.size,
      limits: this.#limits.size,
    };
  }

  /** For the store: of one moment with all that it was told. */
  standing(node: NodeName): Standing | undefined {
    const report = this.#speaker.report(node);
    if (report === undefined) return undefined;
    return { place: this.#speaker.place(node), routes: report.routes, since: report.staleSince };
  }

  /** From now on peers are dialled; before, their words of an earlier life can be restored in peace. */
  start(): void {
    this.#started = true;
    this.#arm();
  }

  /** A new peer, or other terms of a known one. `peer`: as the wire knows it; undefined = as before. */
  async configure(intent: PeerIntent, peer: WirePeer | undefined): Promise<void> {
    const { node } = intent;
    if (peer !== undefined) this.#ports.wire.setPeer(peer);
    const isNew = this.#speaker.report(node) === undefined;
    if (intent.adminDown !== undefined) await this.#leave([node]);
    const done = await this.#lane.submit({ kind: "peer.set", peering: intent });
    if (done.refused !== undefined) {
      if (isNew) this.#ports.wire.removePeer(node);
      throw new CatalystError("ERR_INVALID_ARGUMENT", done.refused.text);
    }
    this.#happened({ kind: "configure", intent });
    this.#ports.exports.leave([node], false);
    if (isNew) await this.#restore(intent);
  }

  async remove(node: NodeName, reason: string): Promise<number> {
    await this.#leave([node]);
    this.#happened({ kind: "remove", node, reason });
    const { revision } = await this.#lane.submit({ kind: "peer.remove", peer: node });
    this.#told.delete(node);
    this.#limits.delete(node);
    this.#ports.learned?.forget(node);
    this.#ports.clock.after(DRAIN_MS, () => {
      if (this.#speaker.report(node) === undefined) this.#ports.wire.removePeer(node);
    });
    return revision;
  }

  /** Asks the peer to tell everything again; false without a session. */
  refresh(node: NodeName): boolean {
    const phase = this.#speaker.report(node)?.session.phase;
    if (phase?.state !== "established") return false;
    this.#connections.get(node)?.get(phase.conn)?.refresh("all");
    return true;
  }

  /** For `PeerWire.listen`. */
  readonly knock = (knock: Knock): LinkHandler => {
    const { link, theirs } = knock;
    const { node } = link;
    this.#accepted += 1;
    const connection = new Connection(node, `a${this.#accepted}`, this.#driven);
    connection.accepted(knock);
    if (this.#speaker.report(node) === undefined || this.#stopping) {
      const why = this.#stopping ? STOPPING : notice("badPeer", "no such peer");
      connection.answer({ ok: false, notice: why });
      return connection.handler;
    }
    this.#add(connection);
    this.#happened({ kind: "asked", node, conn: connection.conn, theirs });
    return connection.handler;
  };

  /** Peers get time to use other ways, then last words, within `DRAIN_MS`; then all connections end. */
  async stop(): Promise<void> {
    const { clock } = this.#ports;
    this.#stopping = true;
    await this.#leave([...this.#speaker.nodes]);
    this.#happened({ kind: "drain", notice: STOPPING });
    this.#stopped = true;
    if (this.#connections.size > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#emptied = resolve;
      const cancel = clock.after(DRAIN_MS, resolve);
      await promise;
      cancel();
    }
    this.#unwatch();
    this.#cancelWake();
    for (const all of [...this.#connections.values()]) {
      for (const connection of [...all.values()]) connection.close("this node is stopping");
    }
    await Promise.allSettled(this.#told.values());
  }

  #leave(nodes: readonly NodeName[]): Promise<void> {
    const tell = (): void => {
      this.#speaker.regroup();
      this.#flush();
    };
    return leave(nodes, { ...this.#ports, speaker: this.#speaker, tell });
  }

  /** What was told before the restart is served at once, as stale, until the peer confirms it. */
  async #restore({ node, adminDown, onLoss }: PeerIntent): Promise<void> {
    const { learned } = this.#ports;
    if (learned === undefined) return;
    // An operator's word, then or now: without a session nothing of this peer is used.
    if (adminDown !== undefined || onLoss === "withdraw") return learned.forget(node);
    const { routes, place, since } = learned.restore(node);
    if (routes.length === 0 && place === undefined) return;
    for (let at = 0; at < routes.length; at += RESTORE_SLICE) {
      const advertise = routes.slice(at, at + RESTORE_SLICE);
      this.#tell(node, { kind: "update", withdraw: [], advertise, rejected: [] });
    }
    this.#tell(node, { kind: "stale" });
    this.#speaker.restore(node, routes, place, this.now, since);
    this.#arm(node);
    await this.#told.get(node);
  }

  #propagate(commit: Commit): void {
    const { exports, loop } = this.#ports;
    if (exports.follow(commit)) this.#speaker.regroup();
    const { tombstones } = loop.view.routes;
    for (const [key, { before, after }] of commit.changes.routes) {
      const path = after?.[0];
      const was = before?.[0];
      const stone = was === undefined ? undefined : tombstones.get(key, was.origin);
      for (const policy of exports.policies()) {
        const route = path === undefined ? undefined : exports.told(policy, path);
        if (path !== undefined && route !== undefined) this.#speaker.advertise(policy, { path, route });
        else if (stone === undefined) this.#speaker.withdraw(policy, key);
        else this.#speaker.withdraw(policy, key, { version: stone.version, tombstone: true });
      }
    }
    this.#flush();
  }

  #flush(): void {
    this.#perform(this.#speaker.flush(this.now));
    this.#work();
  }

  #happened(what: Happened, original?: Original): void {
    this.#inputs.push({ what, original });
    this.#work();
  }

  /** One input after the other: what a call causes at once is taken when its outputs are done. */
  #work(): void {
    if (this.#performing) return;
    for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
      const { what, original } = next;
      this.#original = original;
      this.#guarded("node" in what ? what.node : undefined, () => {
        this.#perform(this.#speaker.input(this.#timed(what)));
      });
      this.#original = undefined;
      this.#arm("node" in what ? what.node : undefined);
    }
    this.#fill();
  }

  /** Tables that are not whole yet grow slice by slice, and everything else has its turn in between. */
  #fill(): void {
    if (this.#filling || this.#stopped || !this.#speaker.filling) return;
    this.#filling = true;
    this.#ports.clock.after(0, () => {
      this.#filling = false;
      this.#guarded(undefined, () => this.#perform(this.#speaker.fill(this.now)));
      this.#work();
    });
  }

  #timed(what: Happened): SpeakerInput {
    return { ...what, at: this.now, random: this.#ports.random.next() };
  }

  #perform(outputs: readonly SpeakerOutput[]): void {
    const outer = this.#performing;
    this.#performing = true;
    for (const output of outputs) this.#guarded(output.node, () => this.#do(output));
    this.#performing = outer;
  }

  /** A defect that one peer's words bring to light ends that peer's connections, and nothing else. */
  #guarded(node: NodeName | undefined, run: () => void): void {
    try {
      run();
    } catch (error) {
      const stack = error instanceof Error ? error.stack : String(error);
      this.#ports.log.error({ peer: node, error: stack }, "a session met a defect");
      const all = node === undefined ? [] : [...(this.#connections.get(node)?.values() ?? [])];
      for (const connection of all) connection.broken("a defect of this node");
    }
  }

  #do(output: SpeakerOutput): void {
    const { node } = output;
    if (output.kind === "routes") return this.#tell(node, output.told);
    if (output.kind === "gone") return this.#ports.say("info", "peer.gone", output.text, node);
    if (output.kind === "dial") return this.#dial(node, output.conn, output.address);
    const connection = this.#connections.get(node)?.get(output.conn);
    if (output.kind === "down") {
      const level = output.fate === "kept" ? "info" : "warn";
      return this.#ports.say(level, "peer.down", `the session ended: ${output.text}`, node);
    }
    if (connection === undefined) return;
    switch (output.kind) {
      case "open":
        return connection.open(output.open);
      case "answer":
        return connection.answer(output.answer);
      case "up":
        connection.encoding = output.agreed.encoding;
        // What is kept of it may be over its limit still, and is to end this session too.
        this.#limits.delete(node);
        return this.#ports.say("info", "peer.up", "the session is up", node);
      case "synced":
        return this.#ports.say("info", "peer.synced", "both sides know all routes of the other", node);
      case "frame":
        return connection.frame(output.seq, output.frame, output.routes);
      case "ack":
        return this.#acknowledge(connection, output.acked, output.credit);
      case "compare":
        return connection.compare(output.mark);
      case "compared":
        return connection.compared(output.answer);
      case "refresh":
        return connection.refresh(output.buckets);
      case "alive":
        return connection.alive(output.progress);
      case "ping":
        return connection.ping();
      case "notify":
        return connection.notify(output.notice);
      case "close":
        return connection.close(output.notice?.text ?? "the session ended", output.notice);
    }
  }

  #dial(node: NodeName, conn: string, address: string): void {
    const { wire } = this.#ports;
    const connection = new Connection(node, conn, this.#driven);
    this.#add(connection);
    connection.dial((handler, signal) => wire.dial(node, address, handler, signal));
  }

  #add(connection: Connection): void {
    const all = this.#connections.get(connection.node) ?? new Map<string, Connection>();
    all.set(connection.conn, connection);
    this.#connections.set(connection.node, all);
  }

  /** The frame is the receiver's when what it says is committed. */
  #acknowledge(connection: Connection, acked: number, credit: number): void {
    const done = this.#told.get(connection.node) ?? Promise.resolve();
    done.then(
      () => connection.acknowledge(acked, { acked, credit }),
      () => connection.close("this node is stopping"),
    );
  }

  #tell(node: NodeName, told: Routes): void {
    const { learned, log } = this.#ports;
    learned?.told(node, told, this.#original);
    const done = this.#lane.submit({ kind: "peer.told", peer: node, told });
    this.#told.set(node, done);
    done.then(
      () => this.#measure(node),
      (error: unknown) => log.debug({ peer: node, error: String(error) }, "what a peer told was not taken"),
    );
  }

  /** A peer that tells more than agreed loses its session, not the others theirs. */
  #measure(node: NodeName): void {
    const received = this.#ports.loop.view.routes.received(node);
    if (received === undefined) return;
    const { size, bytes, terms } = received;
    const known = this.#limits.get(node);
    const state = limitState({ size, bytes }, EMPTY_METER, terms.limits);
    if (state === undefined) {
      this.#limits.delete(node);
      return;
    }
    this.#limits.set(node, state);
    if (known?.state === state.state) return;
    const over = state.state === "over";
    this.#ports.say(
      "warn",
      "peer.limit",
      `${over ? "over its limit" : "near its limit"}: ${state.text}`,
      node,
    );
    if (over) this.#fail(node, notice(state.code === 10 ? "rate" : "maxRoutes", state.text));
  }

  #fail(node: NodeName, words: Notice, conn = this.connection(node)?.conn): void {
    if (conn !== undefined) this.#happened({ kind: "fail", node, conn, notice: words });
  }

  #progress(node: NodeName): Progress {
    const phase = this.#speaker.report(node)?.session.phase;
    const { sentSeq = 0, receivedSeq = 0 } = phase?.state === "established" ? phase : {};
    return { sentSeq, receivedSeq, clockMs: this.now };
  }

  #takeFrame({ node, conn }: Connection, head: FrameHead, bytes: Uint8Array): void {
    const read = this.#ports.decode(head, bytes);
    if (!read.ok) this.#ports.log.warn({ peer: node, reason: read.reason }, "a frame does not parse");
    const frame = read.ok ? read.frame : undefined;
    this.#happened({ kind: "frame", node, conn, seq: head.seq, frame }, { head, bytes });
  }

  /** After an input about one peer only its own time can have come nearer. */
  #arm(node?: NodeName): void {
    const due = this.#speaker.due(node);
    if (due === undefined || due >= this.#wakeAt || !this.#started || this.#stopped) return;
    const { clock } = this.#ports;
    const at = Math.max(due, this.now + WAKE_GAP_MS);
    if (at >= this.#wakeAt) return;
    this.#cancelWake();
    this.#wakeAt = at;
    this.#cancelWake = clock.after(Math.max(0, at - this.now), () => {
      this.#wakeAt = Number.POSITIVE_INFINITY;
      this.#happened({ kind: "wake" });
    });
  }

  readonly #driven: Driven = {
    happened: (what) => this.#happened(what),
    frame: (connection, head, bytes) => this.#takeFrame(connection, head, bytes),
    progress: (node) => this.#progress(node),
    blob: (node, hash, offset) => this.#ports.blob(node, hash, offset),
    keys: () => this.#ports.keys(),
    ended: ({ node, conn }) => {
      const all = this.#connections.get(node);
      all?.delete(conn);
      if (all?.size === 0) this.#connections.delete(node);
      if (this.#connections.size === 0) this.#emptied();
    },
    failed: ({ node, conn }, what, error) => {
      const text = error instanceof Error ? error.message : String(error);
      this.#fail(node, notice("internal", `${what}: ${text}`), conn);
    },
    after: (ms, run) => this.#ports.clock.after(ms, run),
  };
}
