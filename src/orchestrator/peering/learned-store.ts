// What peers told, kept over a restart: their frames as they came, in order, and where their words stood (`learned.db`). A restarted node
// serves these routes at once as stale, and its sessions go on where they were. It is a cache: WAL with synchronous=NORMAL, written
// a moment later and in one transaction for all that came meanwhile; whatever is wrong with it, it is thrown away and told anew.
// Invariant: rows and place of a peer are of one moment, so a place is only given together with everything that was told up to it.

import { chmodSync, rmSync } from "node:fs";
import { setImmediate as later } from "node:timers";
import { crc32 } from "node:zlib";
import { DatabaseSync } from "node:sqlite";
import type { Clock, Log } from "#kernel";
import { PEER_LIMITS } from "#rpc";
import {
  type Encoding,
  type Frame,
  type FrameHead,
  isEcho,
  type NodeName,
  type Route,
  type Routes,
  type ServiceName,
  type StateView,
} from "#routing";
import { Database } from "../store/database.ts";
import type { Kept, LearnedPort, Original, ReadFrame, Standing } from "./learned.ts";
import { encodeFrame } from "./wire/frames.ts";

export interface LearnedOptions {
  readonly file: string;
  readonly clock: Pick<Clock, "after">;
  readonly log: Log;
  readonly view: Pick<StateView, "node" | "routes">;
  readonly decode: (head: FrameHead, bytes: Uint8Array) => ReadFrame;
  /** Routes that rows may hold beyond twice those there are; for tests. */
  readonly spare?: number;
}

type Write =
  | { readonly kind: "frame"; readonly peer: NodeName; readonly original: Original }
  | { readonly kind: "forget"; readonly peer: NodeName };

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS frames (id INTEGER PRIMARY KEY, peer TEXT NOT NULL, encoding TEXT NOT NULL,
    raw INTEGER NOT NULL, routes INTEGER NOT NULL, sum INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS frames_peer ON frames (peer, id);
  CREATE TABLE IF NOT EXISTS places (peer TEXT PRIMARY KEY, epoch TEXT, seq INTEGER NOT NULL,
    routes INTEGER NOT NULL, since INTEGER) STRICT, WITHOUT ROWID;
  PRAGMA user_version = 3`;
const VERSION = 3;
/** What a crash may lose; the session tells it again. */
const WRITE_MS = 100;
/** Written at once beyond this: what waits is memory. */
const WAITING_BYTES = 4 * 1024 * 1024;
/** Rows are rewritten from the table when they hold this many more routes than there are. */
const SPARE = 20_000;
const SLICE = 500;

export class LearnedStore implements LearnedPort {
  readonly #options: LearnedOptions;
  #db: Database;
  #waiting: Write[] = [];
  #waitingBytes = 0;
  readonly #touched = new Set<NodeName>();
  /** Routes in the rows of a peer. */
  readonly #rows = new Map<NodeName, number>();
  readonly #rewriting = new Map<NodeName, object>();
  #cancel: (() => void) | undefined;
  #standing: (node: NodeName) => Standing | undefined = () => undefined;
  #closed = false;

  constructor(options: LearnedOptions) {
    this.#options = options;
    this.#db = this.#open();
  }

  /** How a peer stands at this moment, asked with each transaction. */
  standingBy(standing: (node: NodeName) => Standing | undefined): void {
    this.#standing = standing;
  }

  told(peer: NodeName, told: Routes, original: Original | undefined): void {
    if (this.#closed) return;
    this.#touched.add(peer);
    if (told.kind === "gone") this.forget(peer);
    else if (told.kind === "swept") this.#withdrawn(peer, told.keys);
    else if (told.kind === "update" && original !== undefined) this.#wait({ kind: "frame", peer, original });
    else this.#soon();
  }

  restore(peer: NodeName): Kept {
    // What waits to be written says more than what is.
    this.#write();
    try {
      const found = this.#read(peer);
      if (found !== undefined) return found;
      this.#options.log.warn({ peer }, "what was kept of a peer is damaged; it will tell everything again");
    } catch (error) {
      this.#options.log.warn({ peer, error: String(error) }, "what was kept of a peer cannot be read");
    }
    this.forget(peer);
    return { routes: [], place: undefined, since: undefined };
  }

  forget(peer: NodeName): void {
    this.#rewriting.delete(peer);
    this.#waiting = this.#waiting.filter((write) => write.peer !== peer);
    this.#rows.delete(peer);
    this.#wait({ kind: "forget", peer });
  }

  /** Peers that are none any more are forgotten. */
  keepOnly(peers: ReadonlySet<NodeName>): void {
    const known = this.#db.run("SELECT peer FROM places UNION SELECT DISTINCT peer FROM frames").all();
    for (const row of known) {
      const peer = String(row["peer"]);
      if (!peers.has(peer)) this.forget(peer);
    }
  }

  close(): void {
    this.#write();
    this.#closed = true;
    this.#rewriting.clear();
    this.#db.close();
  }

  #read(peer: NodeName): Kept | undefined {
    const routes = new Map<ServiceName, Route>();
    let rows = 0;
    for (const row of this.#db.run("SELECT * FROM frames WHERE peer = ? ORDER BY id").iterate(peer)) {
      const bytes = row["bytes"];
      if (!(bytes instanceof Uint8Array) || crc32(bytes) !== Number(row["sum"])) return undefined;
      const head = {
        seq: 1,
        // What is none is found out by reading.
        encoding: String(row["encoding"]) as Encoding,
        rawBytes: Number(row["raw"]),
        routes: Number(row["routes"]),
      };
      const read = this.#options.decode(head, bytes);
      if (!read.ok || read.frame.kind !== "update") return undefined;
      for (const { key } of read.frame.withdraw) routes.delete(key);
      for (const route of read.frame.advertise) {
        // As the inbox took it.
        if (isEcho(route, this.#options.view.node)) routes.delete(route.key);
        else routes.set(route.key, route);
      }
      rows += head.routes;
    }
    this.#rows.set(peer, rows);
    const kept = this.#db.run("SELECT epoch, seq, routes, since FROM places WHERE peer = ?").get(peer);
    const epoch = kept?.["epoch"];
    const whole = typeof epoch === "string" && Number(kept?.["routes"]) === routes.size;
    const place = whole ? { epoch, lastSeq: Number(kept?.["seq"]) } : undefined;
    const since = kept?.["since"];
    return { routes: [...routes.values()], place, since: typeof since === "number" ? since : undefined };
  }

  /** Of a sweep there is no frame: one is made. */
  #withdrawn(peer: NodeName, keys: readonly ServiceName[]): void {
    const version = { epoch: 0, seq: 0 };
    for (let at = 0; at < keys.length; at += SLICE) {
      const withdraw = keys.slice(at, at + SLICE).map((key) => ({ key, version }));
      this.#made(peer, { kind: "update", withdraw, advertise: [] }, withdraw.length);
    }
  }

  #made(peer: NodeName, frame: Frame, routes: number): void {
    const { encoding, bytes, rawBytes } = encodeFrame(frame, "zstd");
    const head: FrameHead = { seq: 1, encoding, rawBytes, routes };
    this.#wait({ kind: "frame", peer, original: { head, bytes } });
  }

  #wait(write: Write): void {
    if (this.#closed) return;
    this.#waiting.push(write);
    if (write.kind === "frame") this.#waitingBytes += write.original.bytes.byteLength;
    if (this.#waitingBytes > WAITING_BYTES) this.#write();
    else this.#soon();
  }

  #soon(): void {
    this.#cancel ??= this.#options.clock.after(WRITE_MS, () => this.#write());
  }

  #write(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#waiting.length === 0 && this.#touched.size === 0) return;
    const [writes, touched] = [this.#waiting, [...this.#touched]];
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#touched.clear();
    try {
      this.#db.transaction(() => {
        for (const write of writes) this.#one(write);
        for (const peer of touched) this.#savePlace(peer);
      });
    } catch (error) {
      this.#lost(error);
      return;
    }
    for (const peer of new Set(writes.map((write) => write.peer))) this.#rewriteIfLong(peer);
  }

  #one(write: Write): void {
    const { peer } = write;
    if (write.kind === "forget") {
      this.#db.run("DELETE FROM frames WHERE peer = ?").run(peer);
      this.#db.run("DELETE FROM places WHERE peer = ?").run(peer);
      return;
    }
    const { head, bytes } = write.original;
    this.#db
      .run("INSERT INTO frames (peer, encoding, raw, routes, sum, bytes) VALUES (?, ?, ?, ?, ?, ?)")
      .run(peer, head.encoding, head.rawBytes, head.routes, crc32(bytes), bytes);
    this.#rows.set(peer, (this.#rows.get(peer) ?? 0) + head.routes);
  }

  #savePlace(peer: NodeName): void {
    const standing = this.#standing(peer);
    if (standing === undefined) return;
    const { place, routes, since } = standing;
    this.#db
      .run("INSERT OR REPLACE INTO places VALUES (?, ?, ?, ?, ?)")
      .run(peer, place?.epoch ?? null, place?.lastSeq ?? 0, routes, since ?? null);
  }

  #rewriteIfLong(peer: NodeName): void {
    const held = this.#options.view.routes.received(peer)?.size ?? 0;
    if ((this.#rows.get(peer) ?? 0) <= 2 * held + (this.#options.spare ?? SPARE) || this.#rewriting.has(peer))
      return;
    const mark = {};
    this.#rewriting.set(peer, mark);
    const keys = [...(this.#options.view.routes.received(peer)?.paths() ?? [])].map(({ key }) => key);
    const last = Number(this.#db.run("SELECT max(id) AS id FROM frames").get()?.["id"] ?? 0);
    this.#rows.set(peer, 0);
    this.#rewrite(peer, mark, keys, last);
  }

  /**
   * The table once more, slice by slice behind what came before; then the rows before it go. What changes meanwhile stands behind
   * its slice. Routes that were refused are in no table: the count then says that the rest is no place to go on from.
   */
  #rewrite(peer: NodeName, mark: object, keys: readonly ServiceName[], last: number): void {
    if (this.#rewriting.get(peer) !== mark || this.#closed) return;
    const { routes } = this.#options.view;
    const advertise = keys.slice(0, SLICE).flatMap((key) => routes.path(peer, key)?.route() ?? []);
    this.#whole(peer, advertise);
    const left = keys.slice(SLICE);
    if (left.length > 0) {
      later(() => this.#rewrite(peer, mark, left, last));
      return;
    }
    this.#write();
    this.#rewriting.delete(peer);
    try {
      this.#db.run("DELETE FROM frames WHERE peer = ? AND id <= ?").run(peer, last);
    } catch (error) {
      this.#lost(error);
    }
  }

  /** In as many frames as their size asks for. */
  #whole(peer: NodeName, advertise: readonly Route[]): void {
    if (advertise.length === 0) return;
    const frame: Frame = { kind: "update", withdraw: [], advertise };
    if (advertise.length === 1 || encodeFrame(frame, "zstd").rawBytes <= PEER_LIMITS.frameBytes) {
      this.#made(peer, frame, advertise.length);
      return;
    }
    const half = advertise.length >> 1;
    this.#whole(peer, advertise.slice(0, half));
    this.#whole(peer, advertise.slice(half));
  }

  /** A cache that cannot be written would be wrong after a restart: it begins anew, empty. */
  #lost(error: unknown): void {
    this.#options.log.warn({ error: String(error) }, "what peers told cannot be kept; the cache begins anew");
    this.#rewriting.clear();
    this.#rows.clear();
    try {
      this.#db.close();
    } catch {
      // It may be what is broken; the file goes in any case.
    }
    this.#db = this.#anew();
  }

  #open(): Database {
    try {
      return openFile(this.#options.file);
    } catch (error) {
      this.#options.log.warn(
        { error: String(error) },
        "what peers told before cannot be read; they tell it again",
      );
      return this.#anew();
    }
  }

  #anew(): Database {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(this.#options.file + suffix, { force: true });
    try {
      return openFile(this.#options.file);
    } catch (error) {
      // No room, no right: routes are kept as long as the process lives.
      this.#options.log.warn({ error: String(error) }, "what peers tell is kept in memory only");
      return openFile(":memory:");
    }
  }
}

function openFile(file: string): Database {
  const db = new DatabaseSync(file, { timeout: 1_000 });
  try {
    db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
    const version = Number(db.prepare("PRAGMA user_version").get()?.["user_version"] ?? 0);
    if (version !== 0 && version !== VERSION) throw new Error("of another version");
    db.exec(SCHEMA);
    if (file !== ":memory:") chmodSync(file, 0o600);
    return new Database(db);
  } catch (error) {
    db.close();
    throw error;
  }
}
