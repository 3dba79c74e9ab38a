// The directories of a node on disk: made private before anything is written into them, and the list of nodes that run here,
// kept as links in `<nodes folder>/.running`, so that a client finds also those with a data directory of their own choice.
// Invariant: nothing secret is ever put into a directory that another user owns or may enter (0700, own uid); a link of the
// list is a hint only: who reads it still has to connect.

import {
  type Stats,
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
} from "node:fs";
import { renameSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { CatalystError } from "#rpc";
import { type Env, type NodePaths, digestOf, nodesDir, pathsIn } from "./paths.ts";

/** Makes data, run, keys, certs and log directories (0700), or says which one is not ours. Idempotent. */
export function prepareDirectories(paths: NodePaths): void {
  makePrivate(paths.dataDir);
  // The folder above a moved run directory may lie in a place where everybody writes.
  if (dirname(paths.runDir) !== paths.dataDir) makePrivate(dirname(paths.runDir));
  const link = join(paths.dataDir, "run");
  if (paths.runDir === link) {
    // A link left by an earlier start with another environment.
    if (isLink(link)) rmSync(link);
    makePrivate(link);
  } else {
    makePrivate(paths.runDir);
    replaceLink(paths.runDir, link);
  }
  for (const each of [paths.keysDir, paths.certsDir, paths.logDir]) makePrivate(each);
}

function makePrivate(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new CatalystError("ERR_PERMISSION", `cannot make directory ${directory}: ${reasonOf(cause)}`, {
      hint: "choose another place: --data-dir DIR",
      cause,
    });
  }
  const found = lstatSync(directory);
  if (!found.isDirectory() || (process.getuid !== undefined && found.uid !== process.getuid())) {
    throw new CatalystError("ERR_PERMISSION", `${directory} is not a directory of this user`, {
      hint: "choose another place: --data-dir DIR",
    });
  }
  if ((found.mode & 0o077) !== 0) chmodSync(directory, 0o700);
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What stands at `path` itself, or undefined; never follows a link. */
function entryAt(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** Nothing is there; a file in place of a directory above it says so as well. */
function isAbsent(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ENOENT" || code === "ENOTDIR";
}
const isLink = (path: string): boolean => entryAt(path)?.isSymbolicLink() === true;

/** Puts a link in place in one step; an empty directory or an older link of that name gives way. */
function replaceLink(target: string, link: string): void {
  const fresh = `${link}.${process.pid}`;
  rmSync(fresh, { force: true });
  symlinkSync(target, fresh);
  if (entryAt(link)?.isDirectory() === true) rmSync(link, { recursive: true });
  renameSync(fresh, link);
}

/** Paths of a running node as a client sees them: takes the directory `run`, or where a link of that name leads. */
export function clientPaths(dataDir: string, env: Env = process.env): NodePaths {
  const run = join(dataDir, "run");
  const found = entryAt(run);
  if (found?.isSymbolicLink() === true) return pathsIn(dataDir, env, resolve(dataDir, readlinkSync(run)));
  return found?.isDirectory() === true ? pathsIn(dataDir, env, run) : pathsIn(dataDir, env);
}

/** Longer than a node takes until it has its socket. */
const STARTING_MS = 60_000;

/** Puts the node on the list of those that run here; the returned function takes it off again. */
export function announceNode(dataDir: string, env: Env = process.env): () => void {
  const directory = join(nodesDir(env), ".running");
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const each of entriesOf(directory)) {
    // Links of nodes that were killed, or that left theirs because nothing was loaded any more to take it off. A new one is of a node
    // that is starting as this one is.
    const link = join(directory, each);
    if (isOldLink(link) && entryAt(clientPaths(readlinkSync(link), env).adminSock) === undefined) {
      rmSync(link, { force: true });
    }
  }
  const name = digestOf(dataDir).slice(0, 16);
  replaceLink(dataDir, join(directory, name));
  return () => rmSync(join(directory, name), { force: true });
}

function isOldLink(path: string): boolean {
  const found = entryAt(path);
  return found?.isSymbolicLink() === true && Date.now() - found.mtimeMs > STARTING_MS;
}

/** Data directories of nodes that run here or did lately: announced ones and those in the nodes folder. */
export function knownNodes(env: Env = process.env): readonly string[] {
  const home = nodesDir(env);
  const found = new Set<string>();
  for (const each of entriesOf(join(home, ".running"))) add(found, join(home, ".running", each));
  for (const each of entriesOf(home)) if (!each.startsWith(".")) add(found, join(home, each));
  return [...found].filter((each) => entryAt(clientPaths(each, env).adminSock) !== undefined).toSorted();
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (cause) {
    if (isAbsent(cause)) return []; // no node was ever started by this user
    throw new CatalystError("ERR_PERMISSION", `cannot read ${directory}: ${reasonOf(cause)}`, {
      hint: "say which node is meant: --data-dir DIR",
      cause,
    });
  }
}

function add(found: Set<string>, path: string): void {
  try {
    found.add(realpathSync(path));
  } catch {
    // A link whose data directory is gone (a demo that was killed), or is not this user's: it names no node of theirs.
    return;
  }
}
