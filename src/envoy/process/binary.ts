// Finds the Envoy binary: the one the configuration names, or the pinned one that tools/setup put into the cache under its
// hash. The pinned one is verified: its SHA-256 is taken once (0.3 s for 107 MB) and remembered beside it together with
// size and time of change; a file that was touched since is hashed again. A binary of one's own is only checked to run.

import { createHash } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { access, readFile, rename, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { CatalystError } from "#rpc";
import { ENVOY_SHA256 } from "./pinned.ts";

export interface FindOptions {
  /** `envoy.path` of the configuration. */
  readonly path?: string;
  /** Default: `$XDG_CACHE_HOME/catalyst/envoy`. */
  readonly cache?: string;
  readonly sha256?: string;
}

/** Path of a binary that may be started. Throws ERR_ENVOY_MISSING with what to do. */
export async function findEnvoy(options: FindOptions = {}): Promise<string> {
  if (options.path !== undefined) {
    const reason = await notRun(options.path);
    if (reason !== undefined)
      throw missing(`no Envoy at ${options.path}: it ${reason}`, "correct envoy.path");
    return options.path;
  }
  const sha256 = options.sha256 ?? ENVOY_SHA256[process.arch];
  if (sha256 === undefined || process.platform !== "linux")
    throw missing(`no Envoy for ${process.platform} ${process.arch}`, "name your own with --envoy-path FILE");
  const path = join(options.cache ?? defaultCache(), sha256, "envoy");
  const reason = await notRun(path);
  if (reason === ABSENT) throw missing("Envoy is not installed", "run `npm start` once with a network");
  if (reason !== undefined) throw missing(`Envoy cannot be used: ${path} ${reason}`, `remove ${path}`);
  await verify(path, sha256);
  return path;
}

const defaultCache = (): string =>
  join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "catalyst/envoy");

const ABSENT = "does not exist";

/** Why this file cannot be started; undefined when it can. */
async function notRun(path: string): Promise<string | undefined> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile() ? undefined : "is no file";
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    if (code === "ENOENT" || code === "ENOTDIR") return ABSENT;
    return code === "EACCES" ? "may not be executed" : `cannot be reached (${code})`;
  }
}

async function verify(path: string, sha256: string): Promise<void> {
  const { size, mtimeMs, ino } = await stat(path);
  const mark = `${sha256} ${size} ${mtimeMs} ${ino}\n`;
  const note = `${path}.verified`;
  // A note that cannot be read is none: it only costs the hash.
  if ((await readFile(note, "utf8").catch(() => "")) === mark) return;
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  if (hash.digest("hex") !== sha256)
    throw missing(
      `${path} is not the Envoy this version was made for`,
      `remove ${path} and run \`npm start\``,
    );
  // A cache that cannot be written only costs the hash at the next start.
  const part = `${note}.${process.pid}`;
  await writeFile(part, mark, { mode: 0o600 }).then(
    () => rename(part, note),
    () => undefined,
  );
}

const missing = (message: string, hint: string): CatalystError =>
  new CatalystError("ERR_ENVOY_MISSING", message, { hint });
