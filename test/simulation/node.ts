// One simulated node: the kernel's loop with the real route table, the real speaker, and the driver between them and the simulated
// network, which does what the driver on the wire does. What it keeps over a restart is what its disk had when it died.

import type { Random } from "#kernel";
import {
  type Answer,
  type Conn,
  type DigestMark,
  type Exported,
  ExportPolicy,
  type Frame,
  type Notice,
  type Open,
  type Path,
  type PeerIntent,
  type Route,
  type RouteChanges,
  type Routes,
  type Rule,
  Speaker,
  type SpeakerInput,
  type SpeakerOutput,
} from "#routing";
import type { Agenda } from "./agenda.ts";
import type { Bug } from "./bugs.ts";
import { type Connection, type End, type Network, sideOf } from "./network.ts";
import { type TableEvent, type TableLoop, tableLoop } from "./table-loop.ts";

export type Message =
  | { readonly kind: "open"; readonly open: Open }
  | { readonly kind: "answer"; readonly answer: Answer }
  | { readonly kind: "frame"; readonly seq: number; readonly frame: Frame }
  /** What a liar sends: undecoded. */
  | { readonly kind: "raw"; readonly seq: number; readonly value: unknown; readonly routes: number }
  | { readonly kind: "ack"; readonly acked: number; readonly credit: number }
  | { readonly kind: "compare"; readonly mark: DigestMark }
  | {
      readonly kind: "compared";
      readonly answer: { readonly same: true } | { readonly differ: readonly number[] };
    }
  | { readonly kind: "refresh"; readonly buckets: readonly number[] | "all" }
  | { readonly kind: "alive" | "alive.answer"; readonly progress: Progress }
  | { readonly kind: "ping" | "pong" | "said" }
  | { readonly kind: "notify"; readonly notice: Notice };

type Progress = Extract<SpeakerInput, { kind: "progress" }>["progress"];

/** What a store had on disk: routes a peer told, and where its words stood. */
export interface Kept {
  readonly routes: readonly Route[];
  readonly place: { readonly epoch: string; readonly lastSeq: number } | undefined;
}

export interface NodeOptions {
  readonly name: string;
  readonly organization: string;
  readonly life: number;
  readonly intents: readonly PeerIntent[];
  readonly imports: readonly Rule[];
  readonly exports: readonly Rule[];
  readonly services: readonly Route[];
  readonly disk: ReadonlyMap<string, Kept>;
  readonly bug: Bug | undefined;
  readonly agenda: Agenda;
  readonly network: Network;
  readonly random: Random;
  readonly readFrame: (value: unknown, head: { readonly routes: number }) => ReadFrame;
  /** Called for what must never happen. */
  readonly broken: (what: string) => void;
  /** A change of a peer's routes at this node, for the world's bookkeeping. */
  readonly rejected: (node: string, peer: string, key: string, reason: string) => void;
}

type ReadFrame =
  | { readonly ok: true; readonly frame: Frame }
  | { readonly ok: false; readonly reason: string };

type Untimed<I> = I extends unknown ? Omit<I, "at" | "random"> : never;

/** So few names at once that tables grow while everything else goes on. */
const SLICE = 2;

export class SimNode {
  readonly name: string;
  readonly life: number;
  readonly tables: TableLoop;
  readonly speaker: Speaker;
  readonly #options: NodeOptions;
  readonly #policies = new Map<string, ExportPolicy>();
  readonly #byHash = new Map<string, ExportPolicy>();
  /** By peer and name: each session counts its own dials. */
  readonly #connections = new Map<string, { readonly peer: string; readonly connection: Connection }>();
  #exports: readonly Rule[];
  #leaving = false;
  #wakeAt = Number.POSITIVE_INFINITY;
  #names = 0;
  #filling = false;
  /** With the sequence check taken out: frames that arrived on each connection, which the rest of the node believes. */
  readonly #believed = new Map<string, { seen: number; real: number }>();
  readonly #told = new Map<string, Map<string, Route>>();
  /** Forged routes to slip into the next frame. */
  forged: Route[] = [];
  stalledUntil = 0;

  constructor(options: NodeOptions) {
    this.#options = options;
    this.name = options.name;
    this.life = options.life;
    this.#exports = options.exports;
    const { name: node, organization } = options;
    const self = { node, organization, address: `${node}:10443` };
    this.tables = tableLoop(self, options.bug, {
      rejected: (peer, key, reason) => options.rejected(node, peer, key, reason),
    });
    this.speaker = new Speaker(
      {
        node,
        organization,
        incarnation: `${node}/${options.life}`,
        versions: [1, 1],
        encodings: ["identity"],
        capabilities: {},
      },
      {
        policy: (peer) => this.#policies.get(peer)?.hash ?? "",
        keys: () => this.tables.table.keys(),
        exported: (policy, key) => this.#export(policy, key),
        route: (policy, path) => this.#says(policy, path),
      },
      SLICE,
    );
    this.#start();
  }

  get at(): number {
    return this.#options.agenda.now;
  }

  event(event: TableEvent): void {
    const changes = this.tables.step(event);
    if (changes !== undefined) this.#propagate(changes);
    for (const error of this.tables.errors.splice(0)) this.#options.broken(`${this.name}: ${error}`);
  }

  input(input: Untimed<SpeakerInput>): void {
    const { random } = this.#options;
    this.#perform(this.speaker.input({ ...input, at: this.at, random: random.next() } as SpeakerInput));
  }

  setExports(rules: readonly Rule[]): void {
    this.#exports = rules;
    for (const intent of this.#options.intents) this.#policy(intent);
    if (this.#options.bug === "rules-not-rerun") return;
    this.speaker.regroup();
    this.#perform(this.speaker.flush(this.at));
  }

  /** It is about to stop, and says so to all. */
  leave(): void {
    this.#leaving = true;
    this.setExports(this.#exports);
  }

  /** What would be on disk now. */
  keep(): Map<string, Kept> {
    const kept = new Map<string, Kept>();
    for (const { node } of this.#options.intents) {
      // As told, with what was refused: a session that goes on is compared by the sums of all that was told.
      kept.set(node, {
        routes: [...(this.#told.get(node)?.values() ?? [])],
        place: this.speaker.place(node),
      });
    }
    return kept;
  }

  /** The same words once more, or words nobody may say, on whatever session there is. */
  lie(peer: string, message: Message): void {
    for (const { peer: other, connection } of this.#connections.values()) {
      if (other === peer) this.#options.network.send(connection, this.name, message);
    }
  }

  receive(connection: Connection, message: Message): void {
    const end = this.#end(connection);
    const peer = this.#peer(connection);
    const conn = end.name;
    const said = <I extends Untimed<SpeakerInput>>(input: I) => this.input(input);
    switch (message.kind) {
      case "open":
        this.#connections.set(idOf(peer, conn), { peer, connection });
        return said({ kind: "asked", node: peer, conn, theirs: message.open });
      case "answer":
        return said({ kind: "answered", node: peer, conn, answer: message.answer });
      case "frame":
        return said({
          kind: "frame",
          node: peer,
          conn,
          seq: this.#believe(idOf(peer, conn), message.seq),
          frame: message.frame,
        });
      case "raw": {
        const read = this.#options.readFrame(message.value, message);
        return said({
          kind: "frame",
          node: peer,
          conn,
          seq: message.seq,
          frame: read.ok ? read.frame : undefined,
        });
      }
      case "ack":
        return said({ kind: "acked", node: peer, conn, seq: message.acked, credit: message.credit });
      case "compare": {
        const mark = this.#blind()
          ? { ...message.mark, seq: this.#believed.get(idOf(peer, conn))?.seen ?? 0 }
          : message.mark;
        return said({ kind: "compare", node: peer, conn, mark });
      }
      case "compared":
        return said({ kind: "compared", node: peer, conn, answer: message.answer });
      case "refresh":
        return said({ kind: "refresh", node: peer, conn, buckets: message.buckets });
      case "alive":
        this.#send(peer, conn, { kind: "alive.answer", progress: this.#progress(peer) });
        if (!this.#blind()) said({ kind: "progress", node: peer, conn, progress: message.progress });
        return;
      case "alive.answer":
        if (!this.#blind()) said({ kind: "progress", node: peer, conn, progress: message.progress });
        return said({ kind: "heard", node: peer, conn });
      case "ping":
        this.#send(peer, conn, { kind: "pong" });
        return said({ kind: "heard", node: peer, conn });
      case "pong":
        return said({ kind: "heard", node: peer, conn });
      case "notify":
        this.#send(peer, conn, { kind: "said" });
        return said({ kind: "noticed", node: peer, conn, notice: message.notice });
      case "said":
        return said({ kind: "said", node: peer, conn });
    }
  }

  closed(connection: Connection): void {
    const { name } = this.#end(connection);
    this.#connections.delete(idOf(this.#peer(connection), name));
    this.input({ kind: "closed", node: this.#peer(connection), conn: name, text: "reset" });
  }

  #start(): void {
    const { intents, services, imports, disk } = this.#options;
    const { at } = this;
    for (const intent of intents) {
      this.event({ kind: "peer", at, intent });
      this.#policy(intent);
      this.input({ kind: "configure", intent });
    }
    this.event({ kind: "imports", at, rules: imports });
    for (const route of services) this.event({ kind: "own", at, route });
    for (const [node, { routes, place }] of disk) {
      // A peering that was taken down meanwhile has nothing to come back to.
      if (intents.find((intent) => intent.node === node)?.adminDown !== undefined) continue;
      this.#told.set(node, new Map(routes.map((route) => [route.key, route])));
      this.event({ kind: "restored", at, node, routes });
      this.speaker.restore(node, routes, place, at);
    }
    this.#arm();
  }

  #policy(intent: PeerIntent): void {
    const self = {
      node: this.name,
      organization: this.#options.organization,
      address: `${this.name}:10443`,
    };
    const policy = new ExportPolicy(this.#exports, intent, self, this.#leaving);
    this.#policies.set(intent.node, policy);
    this.#byHash.set(policy.hash, policy);
  }

  #export(hash: string, key: string): Exported | undefined {
    const path = this.tables.table.best(key)?.[0];
    const route = path === undefined ? undefined : this.#says(hash, path);
    return path === undefined || route === undefined ? undefined : { path, route };
  }

  #says(hash: string, path: Path): Route | undefined {
    const policy = this.#byHash.get(hash);
    if (policy === undefined) return undefined;
    const decision = policy.decide(path);
    if (decision.send) return decision.route;
    const { bug } = this.#options;
    const leaks =
      (bug === "role-leak" && decision.reason === "role") ||
      (bug === "scope-leak" && decision.reason === "scope" && path.scope !== "node");
    if (!leaks) return undefined;
    const own = this.#options.organization;
    const route = path.route();
    const orgPath = route.orgPath[0] === own ? route.orgPath : [own, ...route.orgPath];
    const nodePath = route.nodePath[0] === this.name ? route.nodePath : [this.name, ...route.nodePath];
    return { ...route, orgPath, nodePath, nextHop: this.name, nextHopAddress: `${this.name}:10443` };
  }

  #propagate({ routes }: RouteChanges): void {
    const { table } = this.tables;
    const hashes = new Set([...this.#policies.values()].map(({ hash }) => hash));
    for (const [key, { before }] of routes) {
      const was = before?.[0];
      const stone = was === undefined ? undefined : table.tombstones.get(key, was.course.origin);
      for (const hash of hashes) {
        const exported = this.#export(hash, key);
        if (exported !== undefined) this.speaker.advertise(hash, exported);
        else if (stone === undefined) this.speaker.withdraw(hash, key);
        else this.speaker.withdraw(hash, key, { version: stone.version, tombstone: true });
      }
    }
    this.#perform(this.speaker.flush(this.at));
  }

  #perform(outputs: readonly SpeakerOutput[]): void {
    for (const output of outputs) this.#do(output);
    this.#arm();
    this.#fill();
  }

  #fill(): void {
    if (this.#filling || !this.speaker.filling) return;
    this.#filling = true;
    const { agenda } = this.#options;
    agenda.at(Math.max(agenda.now + 1, this.stalledUntil), () => {
      this.#filling = false;
      if (!this.dead) this.#perform(this.speaker.fill(this.at));
    });
  }

  #do(output: SpeakerOutput): void {
    const { network, bug } = this.#options;
    switch (output.kind) {
      case "dial":
        return this.#dial(output.node, output.conn);
      case "open":
        return this.#send(output.node, output.conn, { kind: "open", open: output.open });
      case "answer":
        this.#send(output.node, output.conn, { kind: "answer", answer: output.answer });
        return;
      case "ping":
        return this.#send(output.node, output.conn, { kind: "ping" });
      case "alive":
        return this.#send(output.node, output.conn, { kind: "alive", progress: output.progress });
      case "notify":
        return this.#send(output.node, output.conn, { kind: "notify", notice: output.notice });
      case "close": {
        const id = idOf(output.node, output.conn);
        const held = this.#connections.get(id);
        if (output.notice !== undefined)
          this.#send(output.node, output.conn, { kind: "notify", notice: output.notice });
        this.#connections.delete(id);
        this.#believed.delete(id);
        if (held !== undefined) network.close(held.connection, this.name);
        return;
      }
      case "up":
        this.#believed.set(idOf(output.node, output.conn), { seen: -1, real: 0 });
        return;
      case "frame":
        network.frames += 1;
        network.told += output.routes;
        return this.#send(output.node, output.conn, {
          kind: "frame",
          seq: output.seq,
          frame: this.#bent(output.frame),
        });
      case "ack": {
        const { acked, credit } = output;
        const real = this.#believed.get(idOf(output.node, output.conn))?.real ?? acked;
        return this.#send(output.node, output.conn, {
          kind: "ack",
          acked: this.#blind() ? real : acked,
          credit,
        });
      }
      case "compare":
        if (bug === "no-sequence-no-digest") return;
        return this.#send(output.node, output.conn, { kind: "compare", mark: output.mark });
      case "compared":
        return this.#send(output.node, output.conn, { kind: "compared", answer: output.answer });
      case "refresh":
        return this.#send(output.node, output.conn, { kind: "refresh", buckets: output.buckets });
      case "routes":
        this.#store(output.node, output.told);
        return this.event({ kind: "told", at: this.at, node: output.node, told: output.told });
      case "down":
      case "gone":
      case "synced":
    }
  }

  #store(peer: string, told: Routes): void {
    const routes = this.#told.get(peer) ?? new Map<string, Route>();
    this.#told.set(peer, routes);
    if (told.kind === "gone") routes.clear();
    if (told.kind === "swept") for (const key of told.keys) routes.delete(key);
    if (told.kind !== "update") return;
    for (const { key } of told.withdraw) routes.delete(key);
    for (const route of told.advertise) routes.set(route.key, route);
  }

  /** A frame as a node with a defect, or a liar, sends it. */
  #bent(frame: Frame): Frame {
    if (frame.kind !== "update") return frame;
    if (this.forged.length > 0) {
      return { ...frame, advertise: [...frame.advertise, ...this.forged.splice(0)] };
    }
    return this.#options.bug === "no-withdraw" ? { ...frame, withdraw: [] } : frame;
  }

  #dial(peer: string, conn: Conn): void {
    const end: End = { node: this.name, name: conn, life: this.life, open: true };
    this.#names += 1;
    const name = `x${this.name}${this.life}-${this.#names}`;
    this.#options.network.dial(end, peer, name, (connection) => {
      if (connection === undefined) {
        this.input({ kind: "closed", node: peer, conn, text: "refused" });
        return;
      }
      this.#connections.set(idOf(peer, conn), { peer, connection });
      this.input({ kind: "dialled", node: peer, conn });
    });
  }

  #send(peer: string, conn: Conn, message: Message): void {
    const held = this.#connections.get(idOf(peer, conn));
    // An operator's last words that are lost leave routes as stale, for a day: true, and nothing to wait for here.
    const sure = message.kind === "notify";
    if (held !== undefined) this.#options.network.send(held.connection, this.name, message, sure);
  }

  #progress(peer: string): Progress {
    const phase = this.speaker.report(peer)?.session.phase;
    const { sentSeq = 0, receivedSeq = 0 } = phase?.state === "established" ? phase : {};
    return { sentSeq, receivedSeq, clockMs: this.at };
  }

  #blind(): boolean {
    const { bug } = this.#options;
    return bug === "no-sequence" || bug === "no-sequence-no-digest";
  }

  /** With the check taken out, each frame seems to follow the one before. */
  #believe(id: string, seq: number): number {
    if (!this.#blind()) return seq;
    const last = this.#believed.get(id)?.seen ?? -1;
    const seen = last < 0 ? seq : last + 1;
    this.#believed.set(id, { seen, real: seq });
    return seen;
  }

  #end({ ends, ...rest }: Connection): End {
    return ends[sideOf({ ends, ...rest }, this.name)];
  }

  #peer({ ends }: Connection): string {
    return ends[0].node === this.name ? ends[1].node : ends[0].node;
  }

  #arm(): void {
    const due = this.speaker.due();
    if (due === undefined || due >= this.#wakeAt) return;
    this.#wakeAt = due;
    this.#options.agenda.at(Math.max(due, this.stalledUntil), () => {
      if (this.#wakeAt !== due) return;
      this.#wakeAt = Number.POSITIVE_INFINITY;
      if (this.dead) return;
      this.input({ kind: "wake" });
      this.#arm();
    });
  }

  dead = false;
}

const idOf = (peer: string, conn: Conn): string => `${peer} ${conn}`;
