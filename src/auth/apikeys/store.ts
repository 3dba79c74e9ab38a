// The API keys of this node: made, listed, revoked, rotated, and recognised. Follows docs/internals/identity.md section 7.
// Invariants: of a key only its SHA-256 is kept, and compared in constant time; a revoked key is refused by the very next
// look, for nothing is cached here; all but the holder of a right secret learn nothing but "invalid".

import { timingSafeEqual } from "node:crypto";
import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import { type ApiKeyCreated, type ApiKeyRecord, type ApiKeyRequest, CatalystError } from "#rpc";
import { API_KEYS_MAX } from "../limits.ts";
import { checkScopes, checkSubject } from "../tokens/claims.ts";
import { openDatabase } from "./database.ts";
import { keyHash, keyIdOf, newKeyId, newKeyText } from "./format.ts";

/** Ninety days: beyond it, an overlap is no rotation any more. */
const OVERLAP_MAX_MS = 90 * 24 * 3_600_000;
const TIME_MAX = 8.64e15;

export interface ApiKeyStore {
  create(request: ApiKeyRequest, now: number): ApiKeyCreated;
  list(now: number): readonly ApiKeyRecord[];
  revoke(id: string, now: number): ApiKeyRecord;
  rotate(id: string, overlapMs: number, now: number): ApiKeyCreated;
  /** The record behind a key that is good now; throws ERR_APIKEY_INVALID. */
  authenticate(text: string, now: number): ApiKeyRecord;
  /** Keys that are neither revoked nor expired. */
  count(now: number): number;
  close(): void;
}

export function openApiKeys(path: string): ApiKeyStore {
  return new Store(openDatabase(path));
}

type Row = Record<string, SQLOutputValue>;

class Store implements ApiKeyStore {
  readonly #database: DatabaseSync;
  readonly #get: StatementSync;
  readonly #touch: StatementSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#get = database.prepare("SELECT * FROM api_key WHERE id = ?");
    this.#touch = database.prepare("UPDATE api_key SET last_used_day = ? WHERE id = ?");
  }

  create(request: ApiKeyRequest, now: number): ApiKeyCreated {
    const { principal, scopes = ["*"], notBefore = now, expiresAt, createdBy = "admin" } = request;
    checkSubject(principal);
    checkSubject(createdBy);
    checkScopes(scopes);
    checkTime("notBefore", notBefore);
    if (expiresAt !== undefined) {
      checkTime("expiresAt", expiresAt);
      if (expiresAt <= Math.max(now, notBefore)) throw wrong("expiresAt is not after the start of the key");
    }
    const total = Number(this.#database.prepare("SELECT count(*) AS n FROM api_key").get()?.["n"]);
    if (total >= API_KEYS_MAX) throw new CatalystError("ERR_LIMIT", `there are ${API_KEYS_MAX} API keys`);
    const id = newKeyId();
    const key = newKeyText(id);
    this.#database
      .prepare(
        `INSERT INTO api_key (id, hash, principal, scopes, created_by, created_at, not_before, expires_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(id, keyHash(key), principal, JSON.stringify(scopes), createdBy, now, notBefore, expiresAt ?? null);
    return { ...recordOf(this.#row(id), now), key };
  }

  list(now: number): readonly ApiKeyRecord[] {
    const rows = this.#database.prepare("SELECT * FROM api_key ORDER BY created_at, id").all();
    return rows.map((row) => recordOf(row, now));
  }

  revoke(id: string, now: number): ApiKeyRecord {
    this.#row(id);
    this.#database
      .prepare(
        "UPDATE api_key SET revoked_at = ?, old_hash = NULL, old_until = NULL WHERE id = ? AND revoked_at IS NULL",
      )
      .run(now, id);
    return recordOf(this.#row(id), now);
  }

  rotate(id: string, overlapMs: number, now: number): ApiKeyCreated {
    if (!Number.isSafeInteger(overlapMs) || overlapMs < 0 || overlapMs > OVERLAP_MAX_MS) {
      throw wrong("the overlap is 0 to 90 days");
    }
    const { state } = recordOf(this.#row(id), now);
    if (state !== "active") {
      throw new CatalystError("ERR_APIKEY_INVALID", `the API key ${id} is ${state}`, {
        hint: "catalyst apikey create",
      });
    }
    const key = newKeyText(id);
    this.#database
      .prepare("UPDATE api_key SET old_hash = hash, old_until = ?, hash = ? WHERE id = ?")
      .run(now + overlapMs, keyHash(key), id);
    return { ...recordOf(this.#row(id), now), key };
  }

  authenticate(text: string, now: number): ApiKeyRecord {
    const id = typeof text === "string" ? keyIdOf(text) : undefined;
    const row = id === undefined ? undefined : this.#get.get(id);
    if (row === undefined || !secretMatches(row, keyHash(text), now)) {
      throw new CatalystError("ERR_APIKEY_INVALID", "the API key is not valid", {
        hint: "catalyst apikey list",
      });
    }
    // From here on the caller has shown the secret, so it may know what became of it.
    const record = recordOf(row, now);
    if (record.state !== "active") {
      throw new CatalystError("ERR_APIKEY_INVALID", `the API key ${record.id} is ${record.state}`);
    }
    if (now < record.notBefore) {
      throw new CatalystError("ERR_APIKEY_INVALID", `the API key ${record.id} is not valid yet`);
    }
    const day = new Date(now).toISOString().slice(0, 10);
    if (record.lastUsedDay !== day) this.#touch.run(day, record.id);
    return record;
  }

  count(now: number): number {
    const row = this.#database
      .prepare(
        "SELECT count(*) AS n FROM api_key WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)",
      )
      .get(now);
    return Number(row?.["n"]);
  }

  close(): void {
    this.#database.close();
  }

  #row(id: unknown): Row {
    const row = typeof id === "string" ? this.#get.get(id) : undefined;
    if (row === undefined) {
      throw new CatalystError("ERR_NOT_FOUND", "no API key of this id", { hint: "catalyst apikey list" });
    }
    return row;
  }
}

/** The current secret, or the one before it while their overlap lasts. */
function secretMatches(row: Row, offered: Buffer, now: number): boolean {
  const current = sameBytes(row["hash"], offered);
  const old = sameBytes(row["old_hash"], offered);
  return current || (old && now < Number(row["old_until"] ?? 0));
}

const sameBytes = (stored: SQLOutputValue | undefined, offered: Buffer): boolean =>
  stored instanceof Uint8Array && stored.length === offered.length && timingSafeEqual(stored, offered);

function recordOf(row: Row, now: number): ApiKeyRecord {
  const expiresAt = optionalNumber(row["expires_at"]);
  const revokedAt = optionalNumber(row["revoked_at"]);
  const lastUsedDay = row["last_used_day"];
  const expired = expiresAt !== undefined && expiresAt <= now;
  const scopes: unknown = JSON.parse(String(row["scopes"]));
  checkScopes(scopes);
  return {
    id: String(row["id"]),
    principal: String(row["principal"]),
    scopes,
    createdBy: String(row["created_by"]),
    createdAt: Number(row["created_at"]),
    notBefore: Number(row["not_before"]),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(typeof lastUsedDay === "string" ? { lastUsedDay } : {}),
    ...(revokedAt === undefined ? {} : { revokedAt }),
    state: revokedAt !== undefined ? "revoked" : expired ? "expired" : "active",
  };
}

const optionalNumber = (value: SQLOutputValue | undefined): number | undefined =>
  value === null || value === undefined ? undefined : Number(value);

function checkTime(name: string, value: unknown): void {
  if (!Number.isSafeInteger(value) || Number(value) < 0 || Number(value) > TIME_MAX) {
    throw wrong(`${name} is not a time in milliseconds`);
  }
}

const wrong = (message: string): CatalystError => new CatalystError("ERR_INVALID_ARGUMENT", message);
