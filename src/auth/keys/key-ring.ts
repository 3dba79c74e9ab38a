// The node's own signing keys, alive: it carries out what schedule.ts says is due, keeps one key prepared so that the next
// is always at hand, and serves the public ones as a key source. Follows docs/internals/identity.md section 5.
// Invariant: the disk changes first, the memory after; a step that cannot be written does not happen and is tried again.
// Changes run one after the other.

import { createPrivateKey } from "node:crypto";
import { join } from "node:path";
import { CatalystError, type KeyRecord } from "#rpc";
import { publicKeyOf, type SigningAlg } from "../algorithms.ts";
import { SIGNING_KEYS_MAX } from "../limits.ts";
import { Listeners } from "../listeners.ts";
import { type Clock, type Log, reasonOf } from "../ports.ts";
import { privateDirectory } from "../private-file.ts";
import {
  EMPTY_TABLE,
  type KeySource,
  type KeyTable,
  nextTable,
  type VerifyKey,
} from "../sources/key-source.ts";
import { readRing, writeRing } from "./ring-file.ts";
import * as schedule from "./schedule.ts";
import { generateKey, localSigner, type Signer } from "./signer.ts";

export interface KeyRing extends KeySource {
  records(): readonly KeyRecord[];
  /** The key that signs now. */
  signer(): Signer;
  /** Announces the next key, or with `now` lets it sign at once. Asked twice, it answers with the key announced already. */
  rotate(now: boolean): Promise<KeyRecord>;
  revoke(kid: string): Promise<KeyRecord>;
  /** Resolves when no change is under way. */
  idle(): Promise<void>;
}

export interface KeyRingOptions {
  /** `<dataDir>/keys` */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly alg?: SigningAlg;
  readonly times?: schedule.KeyTimes;
}

/** The clock is asked at least this often: timers overflow after 24 days, and wall clocks jump. */
const LOOK_MS = 3_600_000;
/** A step that is due is never tried in a tight loop, whatever the entries say. */
const LOOK_MIN_MS = 1_000;
const RETRY_MS = 60_000;

export async function openKeyRing(options: KeyRingOptions): Promise<KeyRing> {
  const ring = new Ring(options);
  await ring.open();
  return ring;
}

class Ring implements KeyRing {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #path: string;
  readonly #directory: string;
  readonly #alg: SigningAlg;
  readonly #times: schedule.KeyTimes;
  readonly #listeners: Listeners<KeyTable>;
  #entries: readonly schedule.KeyEntry[] = [];
  #table: KeyTable = EMPTY_TABLE;
  #signer: Signer | undefined;
  #problem: string | undefined;
  #work: Promise<unknown> = Promise.resolve();
  #cancel: (() => void) | undefined;
  #closed = false;

  constructor(options: KeyRingOptions) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#directory = options.directory;
    this.#path = join(options.directory, "signing.json");
    this.#alg = options.alg ?? "ES384";
    this.#times = options.times ?? schedule.KEY_TIMES;
    this.#listeners = new Listeners((error) =>
      this.#log.error({ reason: reasonOf(error) }, "a listener of the key set failed"),
    );
  }

  async open(): Promise<void> {
    await privateDirectory(this.#directory);
    const file = await readRing(this.#path);
    if (file !== undefined) {
      const { byKid } = nextTable(EMPTY_TABLE, tableKeys(file.keys), file.revision);
      this.#adopt(file.keys, { revision: file.revision, byKid });
    }
    await this.#change((entries) => entries);
    this.#arm();
  }

  table(): KeyTable {
    return this.#table;
  }

  async refresh(): Promise<void> {}

  onChange(listener: (table: KeyTable) => void): () => void {
    return this.#listeners.add(listener);
  }

  problem(): string | undefined {
    return this.#problem;
  }

  ageMs(): undefined {
    return undefined;
  }

  records(): readonly KeyRecord[] {
    return this.#entries.map(recordOf).toSorted((a, b) => b.createdAt - a.createdAt);
  }

  signer(): Signer {
    if (this.#signer === undefined) throw new CatalystError("ERR_INTERNAL", "there is no active signing key");
    return this.#signer;
  }

  async rotate(now: boolean): Promise<KeyRecord> {
    let kid = "";
    await this.#change((entries, at) => {
      const next = schedule.inState(entries, "published") ?? schedule.inState(entries, "prepared");
      if (next === undefined) throw new CatalystError("ERR_INTERNAL", "no key is prepared");
      if (entries.filter(schedule.verifies).length >= SIGNING_KEYS_MAX) {
        throw new CatalystError("ERR_LIMIT", `${SIGNING_KEYS_MAX} keys are in use`, {
          hint: "wait until retiring keys are removed, or revoke one",
        });
      }
      kid = next.kid;
      if (now) return schedule.activate(entries, kid, at, this.#times);
      if (next.state === "published") return entries;
      return schedule.publish(entries, kid, at + this.#times.publishMs);
    });
    this.#arm();
    return this.#record(kid);
  }

  async revoke(kid: string): Promise<KeyRecord> {
    await this.#change((entries, at) => {
      const entry = entries.find((one) => one.kid === kid);
      if (entry === undefined) {
        throw new CatalystError("ERR_KEY_NOT_FOUND", "no signing key of this id", {
          hint: "catalyst key list",
        });
      }
      return entry.state === "removed" ? entries : schedule.revoke(entries, kid, at);
    });
    this.#arm();
    return this.#record(kid);
  }

  async idle(): Promise<void> {
    let seen: unknown;
    while (seen !== this.#work) {
      seen = this.#work;
      await this.#work;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel?.();
    await this.idle();
  }

  /** Runs one change after those before it: wanted step, then whatever is due, then disk, then memory. */
  #change(
    step: (entries: readonly schedule.KeyEntry[], now: number) => readonly schedule.KeyEntry[],
  ): Promise<void> {
    const run = async (): Promise<void> => {
      const now = this.#clock.now();
      let entries = step(await this.#prepared(this.#entries, now), now);
      entries = schedule.due(entries, now, this.#times);
      // The prepared key may just have been put to use: have the next one ready.
      entries = schedule.forgetOld(await this.#prepared(entries, now));
      if (entries === this.#entries) return;
      const table = nextTable(this.#table, tableKeys(entries), now);
      await writeRing(this.#path, { revision: table.revision, keys: entries });
      this.#adopt(entries, table);
    };
    const result = this.#work.then(run);
    // The one who asked is told of a failure; the next turn is not.
    this.#work = result.catch(() => undefined);
    return result;
  }

  /** The entries with a prepared key of the configured algorithm among them. */
  async #prepared(entries: readonly schedule.KeyEntry[], now: number): Promise<readonly schedule.KeyEntry[]> {
    const ready = schedule.inState(entries, "prepared");
    if (ready?.alg === this.#alg) return entries;
    const key = await generateKey(this.#alg);
    const { kid, publicJwk } = localSigner(key, this.#alg);
    const fresh: schedule.KeyEntry = {
      kid,
      alg: this.#alg,
      state: "prepared",
      createdAt: now,
      jwk: publicJwk,
      privateKey: key.export({ format: "pem", type: "pkcs8" }).toString(),
    };
    return [...entries.filter((entry) => entry !== ready), fresh];
  }

  #adopt(entries: readonly schedule.KeyEntry[], table: KeyTable): void {
    const before = this.#table;
    for (const entry of entries) {
      const old = this.#entries.find((one) => one.kid === entry.kid)?.state;
      if (old !== entry.state)
        this.#log.info({ kid: entry.kid, state: entry.state, was: old }, "signing key");
    }
    this.#entries = entries;
    this.#table = table;
    const active = schedule.inState(entries, "active");
    if (active?.privateKey !== undefined && active.kid !== this.#signer?.kid) {
      this.#signer = localSigner(createPrivateKey(active.privateKey), active.alg);
    }
    if (table !== before) this.#listeners.call(table);
  }

  #record(kid: string): KeyRecord {
    const entry = this.#entries.find((one) => one.kid === kid);
    if (entry === undefined) throw new CatalystError("ERR_KEY_NOT_FOUND", "no signing key of this id");
    return recordOf(entry);
  }

  #arm(delay?: number): void {
    this.#cancel?.();
    if (this.#closed) return;
    const wait = delay ?? schedule.nextDue(this.#entries, this.#times) - this.#clock.now();
    this.#cancel = this.#clock.after(Math.min(Math.max(wait, LOOK_MIN_MS), LOOK_MS), () => {
      this.#change((entries) => entries).then(
        () => {
          this.#problem = undefined;
          this.#arm();
        },
        (error: unknown) => {
          this.#problem = `signing keys cannot be saved: ${reasonOf(error)}`;
          this.#log.error({ reason: reasonOf(error) }, "signing keys cannot be saved");
          this.#arm(RETRY_MS);
        },
      );
    });
  }
}

const tableKeys = (entries: readonly schedule.KeyEntry[]): readonly VerifyKey[] =>
  entries.filter(schedule.verifies).map(verifyKeyOf);

const verifyKeyOf = (entry: schedule.KeyEntry): VerifyKey => ({
  kid: entry.kid,
  alg: entry.alg,
  jwk: entry.jwk,
  key: publicKeyOf({ ...entry.jwk }),
});

function recordOf(entry: schedule.KeyEntry): KeyRecord {
  const { kid, alg, state, createdAt, activeAt, removeAt } = entry;
  return {
    kid,
    alg,
    state,
    createdAt,
    ...(activeAt === undefined ? {} : { activeAt }),
    ...(removeAt === undefined ? {} : { removeAt }),
  };
}
