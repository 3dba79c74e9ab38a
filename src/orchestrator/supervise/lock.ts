// One node per data directory. The lock is an fcntl lock of the operating system, taken through SQLite (Node has no flock of
// its own), so it ends with the process however that dies: no stale pid files, no guessing. Invariant: who holds it alone
// touches state.db, keys and sockets of this directory.

import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

export interface Lock {
  release(): void;
}

/** Result codes of SQLite: another process holds the file; the file cannot be had; what stands there is no lock. */
const BUSY = [5, 6];
const UNREACHABLE = [3, 8, 14, 23];
const DAMAGED = [11, 26];

/**
 * Takes the lock; throws ERR_NODE_RUNNING where another process has it, and what keeps this user from it where nobody has.
 * The error's room is imported only when it is needed.
 */
export const takeLock = async (dataDir: string): Promise<Lock> => {
  const file = join(dataDir, "lock");
  let db: DatabaseSync | undefined;
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    db = new DatabaseSync(file, { timeout: 0 });
    chmodSync(file, 0o600);
    db.exec("BEGIN EXCLUSIVE");
  } catch (cause) {
    db?.close();
    throw await refusal(dataDir, file, cause);
  }
  const held = db;
  return { release: () => held.close() };
};

async function refusal(dataDir: string, file: string, cause: unknown): Promise<Error> {
  const { CatalystError } = await import("#rpc");
  const result = resultOf(cause);
  if (BUSY.includes(result))
    return new CatalystError("ERR_NODE_RUNNING", `a node already runs on ${dataDir}`, {
      hint: `catalyst status --data-dir ${dataDir}`,
    });
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (DAMAGED.includes(result))
    return new CatalystError("ERR_STATE_CORRUPT", `${file} is no lock of a node: ${reason}`, {
      hint: `remove ${file}`,
      cause,
    });
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const unreachable = UNREACHABLE.includes(result) || ["EACCES", "EPERM", "EROFS"].includes(String(code));
  return new CatalystError(
    unreachable ? "ERR_PERMISSION" : "ERR_STATE_UNWRITABLE",
    `cannot take the lock ${file}: ${reason}`,
    { hint: "free what is in the way, or choose another place: --data-dir DIR", cause },
  );
}

/** The upper bits of an extended code say more of the same. */
const resultOf = (error: unknown): number =>
  error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : 0;
