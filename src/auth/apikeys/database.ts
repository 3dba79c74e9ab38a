// Opens `auth.db`: its mode, its version, its health. Follows docs/internals/identity.md section 7 and docs/internals/contracts.md
// section 3. Invariants: only this user can read it; a damaged file, or one of a newer version, stops the start with a clear error
// and is left as it is, because making a new one would silently revoke every key. Each change is on disk before it is answered.

import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { CatalystError } from "#rpc";
import { reasonOf } from "../ports.ts";
import { errnoOf, refuseOthers } from "../private-file.ts";

const VERSION = 1;
/** "Cata" in ASCII: tells this file from any other SQLite database. */
const APPLICATION_ID = 0x43617461;

const SCHEMA = `
CREATE TABLE api_key (
  id             TEXT PRIMARY KEY,
  hash           BLOB NOT NULL,
  old_hash       BLOB,
  old_until      INTEGER,
  principal      TEXT NOT NULL,
  scopes         TEXT NOT NULL,
  created_by     TEXT NOT NULL,
  created_at     INTEGER NOT NULL,
  not_before     INTEGER NOT NULL,
  expires_at     INTEGER,
  last_used_day  TEXT,
  revoked_at     INTEGER
) STRICT;
PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = ${VERSION};
`;

export function openDatabase(path: string): DatabaseSync {
  privateDatabaseFile(path);
  let database: DatabaseSync | undefined;
  try {
    // Another process of a node that is just stopping may hold a lock for a moment.
    database = new DatabaseSync(path, { timeout: 2_000 });
    // FULL: a revocation that was answered must survive a power cut.
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;");
    prepare(database);
    return database;
  } catch (error) {
    database?.close();
    if (error instanceof CatalystError) throw error;
    throw corrupt(path, reasonOf(error), error);
  }

  function prepare(opened: DatabaseSync): void {
    const health = Object.values(opened.prepare("PRAGMA quick_check(1)").get() ?? {})[0];
    if (health !== "ok") throw corrupt(path, String(health));
    const version = pragma(opened, "user_version");
    const application = pragma(opened, "application_id");
    if (version === 0 && application === 0 && isEmpty(opened)) {
      opened.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT;`);
    } else if (application !== APPLICATION_ID) {
      throw corrupt(path, "it is no store of API keys");
    } else if (version !== VERSION) {
      throw corrupt(path, `it has version ${version}, this program knows ${VERSION}`);
    }
  }
}

/** Makes the file with mode 0600 before SQLite does with 0644; its -wal and -shm files inherit the mode. */
function privateDatabaseFile(path: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  } catch (error) {
    throw new CatalystError(
      "ERR_PERMISSION",
      `${path} cannot be opened: ${errnoOf(error) ?? "unknown error"}`,
      {
        cause: error,
      },
    );
  }
  try {
    refuseOthers(path, fstatSync(descriptor), "chmod 600", "ERR_PERMISSION");
  } finally {
    closeSync(descriptor);
  }
}

const pragma = (database: DatabaseSync, name: string): number =>
  Number(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0]);

const isEmpty = (database: DatabaseSync): boolean =>
  database.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined;

function corrupt(path: string, reason: string, cause?: unknown): CatalystError {
  return new CatalystError("ERR_STATE_CORRUPT", `${path} cannot be used: ${reason}`, {
    hint: "restore it from a backup; without one, move it away: all API keys are then gone",
    ...(cause === undefined ? {} : { cause }),
  });
}
