// Keys out of a JWK set in a file that somebody else maintains: read at start and again whenever it changes. It is looked at
// by time, not by file events, because those miss exchanged symbolic links (how containers update mounted files) and network
// file systems. Follows docs/internals/identity.md section 4.
// Invariant: a file that is missing or broken never takes good keys away; they stay, with the reason in `problem`.

import { constants } from "node:fs";
import { open, stat } from "node:fs/promises";
import { JWKS_BYTES_MAX } from "../limits.ts";
import { Listeners } from "../listeners.ts";
import { type Clock, type Log, reasonOf } from "../ports.ts";
import { parseJwks } from "./jwks.ts";
import { EMPTY_TABLE, type KeySource, type KeyTable, nextTable } from "./key-source.ts";

export interface JwksFileOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
}

const LOOK_MS = 2_000;

/** Starts also without a usable file: then nothing is accepted, `problem` says why, and the file is taken when it comes. */
export async function openJwksFile(options: JwksFileOptions): Promise<KeySource & { idle(): Promise<void> }> {
  const { path, clock, log } = options;
  const listeners = new Listeners<KeyTable>((error) =>
    log.error({ reason: reasonOf(error) }, "a listener failed"),
  );
  let table = EMPTY_TABLE;
  let problem: string | undefined;
  let seen = "";
  let closed = false;
  let cancel: (() => void) | undefined;
  let looking: Promise<void> = Promise.resolve();

  const look = async (): Promise<void> => {
    try {
      const mark = await markOf(path);
      if (mark === seen) return;
      const keys = parseJwks(await readBounded(path));
      seen = mark;
      const next = nextTable(table, keys, clock.now());
      if (problem !== undefined || next !== table) log.info({ path, keys: keys.length }, "key set read");
      problem = undefined;
      if (next === table) return;
      table = next;
      listeners.call(table);
    } catch (error) {
      const text = `${path}: ${reasonOf(error)}`;
      if (text !== problem) log.error({ path, reason: reasonOf(error) }, "the key set file is not usable");
      problem = text;
      // Forget the mark, so that the same content coming back is read again.
      seen = "";
    }
  };
  const arm = (): void => {
    if (closed) return;
    cancel = clock.after(LOOK_MS, () => {
      looking = look().then(arm);
    });
  };

  await look();
  arm();
  return {
    table: () => table,
    refresh: async () => {},
    onChange: (listener) => listeners.add(listener),
    problem: () => problem,
    ageMs: () => undefined,
    idle: () => looking,
    close: async () => {
      closed = true;
      cancel?.();
      await looking;
    },
  };
}

async function markOf(path: string): Promise<string> {
  const file = await stat(path, { bigint: true });
  // Whoever can write the file can mint tokens for this node.
  if ((file.mode & 0o002n) !== 0n) throw new Error("every user of this machine may write it");
  return `${file.dev}:${file.ino}:${file.size}:${file.mtimeNs}`;
}

/** Reads at most one byte more than allowed, so that a device or a giant file costs nothing. */
async function readBounded(path: string): Promise<string> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const buffer = Buffer.alloc(JWKS_BYTES_MAX + 1);
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await handle.close();
  }
}
