// The signing keys on disk: one private file with all of them and their states, because a step of rotation changes two keys
// and must be one atomic write. Invariant: a file that is damaged, or was written by a newer version, stops the start; it is
// never replaced by fresh keys in silence, for that would refuse every token and look like an attack to others.

import { createPrivateKey } from "node:crypto";
import { CatalystError, type KeyState } from "#rpc";
import { publicJwk, publicKeyOf, SIGNING_ALGS, thumbprint } from "../algorithms.ts";
import { reasonOf } from "../ports.ts";
import { readPrivate, writePrivate } from "../private-file.ts";
import type { KeyEntry } from "./schedule.ts";

export interface RingFile {
  readonly revision: number;
  readonly keys: readonly KeyEntry[];
}

const VERSION = 1;
/** 32 entries of about 1 KiB, with room to spare. */
const BYTES_MAX = 256 * 1024;
const STATES: readonly KeyState[] = ["prepared", "published", "active", "retiring", "removed"];

export async function readRing(path: string): Promise<RingFile | undefined> {
  const text = await readPrivate(path, BYTES_MAX);
  if (text === undefined) return undefined;
  try {
    return parse(JSON.parse(text));
  } catch (error) {
    throw new CatalystError("ERR_STATE_CORRUPT", `${path} holds no usable signing keys: ${reasonOf(error)}`, {
      hint: "restore it from a backup; without one, move it away, and every token of this node becomes invalid",
      cause: error,
    });
  }
}

export const writeRing = (path: string, ring: RingFile): Promise<void> =>
  writePrivate(path, `${JSON.stringify({ version: VERSION, ...ring }, undefined, 1)}\n`);

function parse(value: unknown): RingFile {
  const file = record(value);
  if (file["version"] !== VERSION) throw new Error(`version ${String(file["version"])} is not known`);
  const { revision, keys } = file;
  if (!isTime(revision) || !Array.isArray(keys)) throw new Error("revision or keys are missing");
  const entries = keys.map(entryOf);
  if (new Set(entries.map((entry) => entry.kid)).size !== entries.length) throw new Error("a key twice");
  if (entries.filter((entry) => entry.state === "active").length > 1) throw new Error("two active keys");
  return { revision, keys: entries };
}

function entryOf(value: unknown): KeyEntry {
  const entry = record(value);
  const alg = SIGNING_ALGS.find((name) => name === entry["alg"]);
  const state = STATES.find((name) => name === entry["state"]);
  const { createdAt, privateKey } = entry;
  if (alg === undefined || state === undefined || !isTime(createdAt))
    throw new Error("an entry is incomplete");
  const jwk = publicJwk(publicKeyOf(record(entry["jwk"])), alg);
  if (jwk.kid !== entry["kid"]) throw new Error("a key does not match its id");
  if (privateKey !== undefined) {
    if (typeof privateKey !== "string") throw new Error("a private key is not text");
    const exported = createPrivateKey(privateKey).export({ format: "jwk" });
    if (thumbprint(exported) !== jwk.kid) throw new Error("a private key does not match its public one");
  } else if (state === "prepared" || state === "published" || state === "active") {
    throw new Error(`the ${state} key has no private part`);
  }
  return {
    kid: jwk.kid,
    alg,
    state,
    createdAt,
    jwk,
    ...time(entry, "activateAt"),
    ...time(entry, "activeAt"),
    ...time(entry, "removeAt"),
    ...(privateKey === undefined ? {} : { privateKey }),
  };
}

const isTime = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

function time<K extends string>(entry: Record<string, unknown>, key: K): { [_ in K]?: number } {
  const value = entry[key];
  if (value === undefined) return {};
  if (!isTime(value)) throw new Error(`${key} is not a time`);
  const found: { [_ in K]?: number } = {};
  found[key] = value;
  return found;
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("not an object");
  return { ...value };
}
