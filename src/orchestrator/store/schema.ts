// Tables of `state.db`, one step per version. A step is never changed once released; the next version adds one.
// Every row that carries meaning has a checksum: a flipped bit in a file that SQLite still reads must not become a service.

import type { DatabaseSync } from "node:sqlite";

const STEPS: readonly string[] = [
  `CREATE TABLE intents (name TEXT PRIMARY KEY, json TEXT NOT NULL, sum TEXT NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE intents_aside (name TEXT, json TEXT, sum TEXT, why TEXT, at INTEGER) STRICT;
   CREATE TABLE leases (id TEXT PRIMARY KEY, run TEXT NOT NULL, json TEXT NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE blobs (hash TEXT PRIMARY KEY, text TEXT NOT NULL, bytes INTEGER NOT NULL, used INTEGER NOT NULL) STRICT;
   CREATE INDEX blobs_used ON blobs (used);`,
  `CREATE TABLE peering (name TEXT PRIMARY KEY, json TEXT NOT NULL, sum TEXT NOT NULL) STRICT, WITHOUT ROWID;`,
];

export const SCHEMA_VERSION = STEPS.length;

export const versionOf = (db: DatabaseSync): number =>
  Number(db.prepare("PRAGMA user_version").get()?.["user_version"] ?? 0);

/** Brings an older file to this version, each step in a transaction of its own. */
export const migrate = (db: DatabaseSync): void => {
  for (let version = versionOf(db); version < SCHEMA_VERSION; version += 1) {
    db.exec(`BEGIN IMMEDIATE; ${STEPS[version] ?? ""} PRAGMA user_version = ${version + 1}; COMMIT`);
  }
};
