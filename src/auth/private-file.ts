// Files that only this node may read: signing keys, the store of API keys, the last good key set. Written so that a crash at
// any moment leaves the old content or the new one (temporary file, fsync, rename, fsync of the directory), and refused when
// somebody else could have read or placed them. Follows docs/internals/identity.md section 5.
// Invariant: the modes are checked on the open descriptor, never on a name that could be exchanged in between.

import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { lstat, mkdir, open, readdir, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { CatalystError, type ErrorCode } from "#rpc";

const TEMPORARY = /^\..+\.[0-9a-f]{12}\.tmp$/;

/** Makes the directory with mode 0700, or refuses one that others can enter. */
export async function privateDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const stat = await lstat(path);
  if (!stat.isDirectory()) {
    throw new CatalystError("ERR_KEY_UNSAFE", `${path} is not a directory`);
  }
  refuseOthers(path, stat, "chmod 700", "ERR_KEY_UNSAFE");
  for (const name of await readdir(path)) {
    // What a crash between write and rename left behind: nobody refers to it.
    if (TEMPORARY.test(name)) await unlink(join(path, name));
  }
}

/** The text of a private file; undefined when there is none. Refuses one that others can read, or own. */
export async function readPrivate(path: string, bytesMax: number): Promise<string | undefined> {
  const handle = await openExisting(path);
  if (handle === undefined) return undefined;
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new CatalystError("ERR_KEY_UNSAFE", `${path} is not a regular file`);
    refuseOthers(path, stat, "chmod 600", "ERR_KEY_UNSAFE");
    if (stat.size > bytesMax) {
      throw new CatalystError("ERR_STATE_CORRUPT", `${path} is larger than ${bytesMax} bytes`);
    }
    return await handle.readFile("utf8");
  } finally {
    await handle.close();
  }
}

/** Writes the file in one step; `mode` is for what stands here but is no secret, like certificates. */
export async function writePrivate(path: string, text: string, mode = 0o600): Promise<void> {
  const directory = dirname(path);
  const temporary = join(directory, `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  const handle = await open(temporary, "wx", mode);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
  const parent = await open(directory, constants.O_RDONLY);
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
}

/** Throws when group or others have any right, or when another user owns it. */
export function refuseOthers(
  path: string,
  stat: { readonly mode: number; readonly uid: number },
  remedy: string,
  code: ErrorCode,
): void {
  if ((stat.mode & 0o077) !== 0) {
    const mode = (stat.mode & 0o777).toString(8).padStart(4, "0");
    throw new CatalystError(code, `${path} is open to other users (mode ${mode})`, {
      hint: `${remedy} ${path}`,
    });
  }
  const self = process.getuid?.();
  if (self !== undefined && stat.uid !== self) {
    throw new CatalystError(code, `${path} belongs to user ${stat.uid}, not to user ${self}`, {
      hint: `chown ${self} ${path}`,
    });
  }
}

async function openExisting(path: string): Promise<Awaited<ReturnType<typeof open>> | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT") return undefined;
    if (code === "ELOOP") throw new CatalystError("ERR_KEY_UNSAFE", `${path} is a symbolic link`);
    throw new CatalystError("ERR_PERMISSION", `${path} cannot be read: ${code ?? "unknown error"}`, {
      cause: error,
    });
  }
}

export const errnoOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
