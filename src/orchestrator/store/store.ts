// `state.db`: what must survive a restart. Intent that the node itself owns (services added by admin RPC), leases of the
// running node, and large things by hash (SDL). node:sqlite in WAL mode with synchronous=FULL: what was confirmed is on disk.
// Services, which come and go while others wait for Envoy, are flushed beside the event loop instead.
// Invariant: a damaged file never keeps the node from starting and never turns into state; it is moved aside and reported.

import { createHash } from "node:crypto";
import { chmodSync, existsSync, renameSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Hash, ServiceIntent } from "#routing";
import { Database } from "./database.ts";
import { migrate, SCHEMA_VERSION, versionOf } from "./schema.ts";

/** Sum of the blobs on disk; the least recently used go first. 100 services with large schemas need about 20 MiB. */
export const BLOB_BYTES_MAX = 256 * 1024 * 1024;

export interface StoreProblem {
  readonly text: string;
  readonly hint: string;
}

export interface StoredLease {
  readonly id: string;
  readonly intent: ServiceIntent;
}

export const sha256 = (text: string): Hash => createHash("sha256").update(text).digest("base64url");

const isIntent = (value: unknown, name: string): value is ServiceIntent => {
  const intent = value as Partial<ServiceIntent> | null;
  return intent?.name === name && Array.isArray(intent.endpoints) && typeof intent.probe === "object";
};

const openFile = (file: string): DatabaseSync => {
  const db = new DatabaseSync(file, { timeout: 1_000 });
  try {
    db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 256");
    const check = db.prepare("PRAGMA quick_check(1)").get()?.["quick_check"];
    if (check !== "ok") throw new Error(String(check));
    if (versionOf(db) > SCHEMA_VERSION) throw new Error("written by a newer version of this program");
    migrate(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
};

async function sync(file: string, how: "sync" | "datasync"): Promise<void> {
  try {
    await using handle = await open(file, "r");
    await handle[how]();
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || error.code !== "ENOENT") throw error;
  }
}

export class Store {
  readonly problems: StoreProblem[] = [];
  readonly #db: Database;
  readonly #file: string;
  /** Some file systems cannot have one. */
  readonly #hasLog: boolean;
  #named = false;
  readonly #now: () => number;
  readonly #blobBytesMax: number;

  constructor(file: string, now: () => number, blobBytesMax = BLOB_BYTES_MAX) {
    this.#now = now;
    this.#blobBytesMax = blobBytesMax;
    this.#file = file;
    this.#db = new Database(this.#open(file));
    chmodSync(file, 0o600);
    this.#hasLog = this.#db.run("PRAGMA journal_mode").get()?.["journal_mode"] === "wal";
  }

  /** Services that the admin API added, in order of name. A row that is damaged is set aside and reported. */
  intents(): readonly ServiceIntent[] {
    const good: ServiceIntent[] = [];
    for (const row of this.#db.run("SELECT name, json, sum FROM intents ORDER BY name").all()) {
      const [name, json, sum] = [String(row["name"]), String(row["json"]), String(row["sum"])];
      const intent = sha256(json) === sum ? (JSON.parse(json) as unknown) : undefined;
      if (isIntent(intent, name)) good.push(intent);
      else this.#setAside(name);
    }
    return good;
  }

  /** All or nothing, also after a crash of this process; on disk when `flushed` resolves. */
  saveIntents(changes: Iterable<readonly [string, ServiceIntent | undefined]>): void {
    this.#transactionUnflushed(() => {
      for (const [name, intent] of changes) {
        const json = JSON.stringify(intent);
        if (intent === undefined) this.#db.run("DELETE FROM intents WHERE name = ?").run(name);
        else this.#db.run("INSERT OR REPLACE INTO intents VALUES (?, ?, ?)").run(name, json, sha256(json));
      }
    });
  }

  /** Peers and rules that the admin API added, by name. A row that is damaged is left out and reported. */
  peering(): ReadonlyMap<string, unknown> {
    const good = new Map<string, unknown>();
    for (const row of this.#db.run("SELECT name, json, sum FROM peering ORDER BY name").all()) {
      const [name, json] = [String(row["name"]), String(row["json"])];
      if (sha256(json) === String(row["sum"])) good.set(name, JSON.parse(json));
      else
        this.problems.push({
          text: `what was stored of "${name}" is damaged and was left out`,
          hint: "catalyst peer list, catalyst import list, catalyst export list",
        });
    }
    return good;
  }

  /** On disk when it returns; undefined = none any more. */
  savePeering(name: string, value: unknown): void {
    if (value === undefined) {
      this.#db.run("DELETE FROM peering WHERE name = ?").run(name);
      return;
    }
    const json = JSON.stringify(value);
    this.#db.run("INSERT OR REPLACE INTO peering VALUES (?, ?, ?)").run(name, json, sha256(json));
  }

  /** Leases given in this run of the node. Those of an earlier run are dropped: their services register again. */
  leases(run: string): readonly StoredLease[] {
    this.#db.run("DELETE FROM leases WHERE run <> ?").run(run);
    return this.#db
      .run("SELECT id, json FROM leases")
      .all()
      .map((row) => ({ id: String(row["id"]), intent: JSON.parse(String(row["json"])) as ServiceIntent }));
  }

  saveLease(run: string, lease: StoredLease): void {
    const json = JSON.stringify(lease.intent);
    this.#db.run("INSERT OR REPLACE INTO leases VALUES (?, ?, ?)").run(lease.id, run, json);
  }

  dropLease(id: string): void {
    this.#db.run("DELETE FROM leases WHERE id = ?").run(id);
  }

  /** Content by hash; wrong content (a flipped bit) is as good as none. */
  blob(hash: Hash): string | undefined {
    const row = this.#db.run("SELECT text FROM blobs WHERE hash = ?").get(hash);
    if (row === undefined) return undefined;
    const text = String(row["text"]);
    if (sha256(text) === hash) return text;
    this.#db.run("DELETE FROM blobs WHERE hash = ?").run(hash);
    return undefined;
  }

  putBlob(text: string): Hash {
    const hash = sha256(text);
    const bytes = Buffer.byteLength(text);
    const write =
      "INSERT INTO blobs VALUES (?, ?, ?, ?) ON CONFLICT (hash) DO UPDATE SET used = excluded.used";
    this.#db.transaction(() => {
      this.#db.run(write).run(hash, text, bytes, this.#now());
      this.#shrink(hash);
    });
    return hash;
  }

  close(): void {
    this.#db.close();
  }

  /** Takes away the least recently used until the sum fits; never the one just written. */
  #shrink(keep: Hash): void {
    let bytes = Number(this.#db.run("SELECT total(bytes) AS sum FROM blobs").get()?.["sum"] ?? 0);
    if (bytes <= this.#blobBytesMax) return;
    const oldest = this.#db
      .run("SELECT hash, bytes FROM blobs WHERE hash <> ? ORDER BY used, hash")
      .all(keep);
    for (const row of oldest) {
      if (bytes <= this.#blobBytesMax) return;
      this.#db.run("DELETE FROM blobs WHERE hash = ?").run(String(row["hash"]));
      bytes -= Number(row["bytes"]);
    }
  }

  #setAside(name: string): void {
    this.#db.transaction(() => {
      this.#db
        .run(
          "INSERT INTO intents_aside SELECT name, json, sum, 'checksum differs', ? FROM intents WHERE name = ?",
        )
        .run(this.#now(), name);
      this.#db.run("DELETE FROM intents WHERE name = ?").run(name);
    });
    this.problems.push({
      text: `the stored service "${name}" is damaged and was left out`,
      hint: `catalyst service add ${name} …`,
    });
  }

  #open(file: string): DatabaseSync {
    try {
      return openFile(file);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const aside = `${file}.aside-${this.#now()}`;
      for (const suffix of ["", "-wal", "-shm"])
        if (existsSync(file + suffix)) renameSync(file + suffix, aside + suffix);
      rmSync(`${aside}-shm`, { force: true });
      this.problems.push({
        text: `state.db could not be read (${why}); services added by hand are missing, the file is kept as ${aside}`,
        hint: "add the services again, or put an older copy of state.db in its place and restart",
      });
      return openFile(file);
    }
  }

  /**
   * Resolves when everything saved so far is on disk. What `COMMIT` does in mode FULL holds up the whole process for
   * milliseconds; this is the same (the log is flushed), done beside it. A log that is gone was taken over by the file when
   * the store was closed.
   */
  async flushed(): Promise<void> {
    if (!this.#hasLog) return;
    await sync(`${this.#file}-wal`, "datasync");
    // The name of the log must be there too, once.
    if (!this.#named) await sync(dirname(this.#file), "sync");
    this.#named = true;
  }

  /** Without a log to flush later, FULL stays. */
  #transactionUnflushed(work: () => void): void {
    if (!this.#hasLog) return this.#db.transaction(work);
    this.#db.exec("PRAGMA synchronous = NORMAL");
    try {
      this.#db.transaction(work);
    } finally {
      this.#db.exec("PRAGMA synchronous = FULL");
    }
  }
}
