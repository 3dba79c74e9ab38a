// One node per data directory. The lock is an fcntl lock of the operating system, taken through SQLite (Node has no flock of
// its own), so it ends with the process however that dies: no stale pid files, no guessing. Invariant: who holds it alone
// touches state.db, keys and sockets of this directory.

import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

export interface Lock {
  release(): void;
}

/** Takes the lock or throws ERR_NODE_RUNNING. The error's room is imported only when it is needed. */
export const takeLock = async (dataDir: string): Promise<Lock> => {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const file = join(dataDir, "lock");
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file, { timeout: 0 });
    chmodSync(file, 0o600);
    db.exec("BEGIN EXCLUSIVE");
  } catch {
    db?.close();
    const { CatalystError } = await import("#rpc");
    throw new CatalystError("ERR_NODE_RUNNING", `a node already runs on ${dataDir}`, {
      hint: `catalyst status --data-dir ${dataDir}`,
    });
  }
  const held = db;
  return { release: () => held.close() };
};
