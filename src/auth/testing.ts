// Test support of the auth room: a clock that tests turn by hand, a log that keeps its lines, a fresh private directory.
// Only *.test.ts files import it. Invariant of the clock: timers run in the order of their due times, and `now` equals the
// due time while one runs.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { publicKeyOf, type SigningAlg } from "./algorithms.ts";
import { generateKey, localSigner, type Signer } from "./keys/signer.ts";
import { Listeners } from "./listeners.ts";
import type { Clock, Log } from "./ports.ts";
import {
  EMPTY_TABLE,
  type KeySource,
  type KeyTable,
  nextTable,
  type VerifyKey,
} from "./sources/key-source.ts";

export const START = Date.UTC(2026, 0, 1);

export class FakeClock implements Clock {
  #now: number;
  #timers: { at: number; run: () => void }[] = [];

  constructor(now: number = START) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now - START;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, ms), run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Number of timers that are set; a closed part must leave none. */
  get pending(): number {
    return this.#timers.length;
  }

  /** Sets the wall clock without running timers: a step of NTP. */
  jump(ms: number): void {
    this.#now += ms;
  }

  /** Lets time pass; `settle` runs after each timer, so that work it started is done before the next. */
  async advance(ms: number, settle: () => Promise<unknown> = nextTurn): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const next = this.#timers.filter((timer) => timer.at <= end).toSorted((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
      await settle();
    }
    this.#now = end;
  }
}

export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class MemoryLog implements Log {
  readonly lines: { level: string; fields: object; text: string }[] = [];
  debug(fields: object, text: string): void {
    this.lines.push({ level: "debug", fields, text });
  }
  info(fields: object, text: string): void {
    this.lines.push({ level: "info", fields, text });
  }
  warn(fields: object, text: string): void {
    this.lines.push({ level: "warn", fields, text });
  }
  error(fields: object, text: string): void {
    this.lines.push({ level: "error", fields, text });
  }
}

/** A directory of its own for one test, taken away at the end. */
export async function temporaryDirectory(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "catalyst-auth-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export const MIDDLE: { next(): number } = { next: () => 0.5 };

/** A key source whose keys a test exchanges by hand. */
export function fixedSource(
  keys: readonly VerifyKey[],
): KeySource & { set(keys: readonly VerifyKey[]): void } {
  const listeners = new Listeners<KeyTable>((error) => {
    throw error;
  });
  let table = nextTable(EMPTY_TABLE, keys, START);
  return {
    set(next) {
      table = nextTable(table, next, START);
      listeners.call(table);
    },
    table: () => table,
    refresh: async () => {},
    onChange: (listener) => listeners.add(listener),
    problem: () => undefined,
    ageMs: () => undefined,
    close: async () => {},
  };
}

/** The verifying half of a signer. */
export const verifyKey = (signer: Signer): VerifyKey => ({
  kid: signer.kid,
  alg: signer.alg,
  jwk: signer.publicJwk,
  key: publicKeyOf({ ...signer.publicJwk }),
});

export const newSigner = async (alg: SigningAlg = "ES384"): Promise<Signer> =>
  localSigner(await generateKey(alg), alg);

/** A token with any header and claims, signed as given: how forgeries are made. */
export async function forge(
  header: object,
  claims: object | string,
  sign: (input: Uint8Array) => Promise<Uint8Array> | Uint8Array,
): Promise<string> {
  const part = (value: object | string): string =>
    Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
  const input = `${part(header)}.${part(claims)}`;
  return `${input}.${Buffer.from(await sign(Buffer.from(input))).toString("base64url")}`;
}

/** Claims of a good token at the fake clock's start. */
export const goodClaims = (now: number = START): Record<string, unknown> => ({
  iss: "edge1.acme.catalyst.internal",
  sub: "alice",
  aud: "acme.catalyst.internal",
  client_id: "alice",
  iat: now / 1_000,
  exp: now / 1_000 + 300,
  jti: "one",
  scope: "*",
});

export const EXPECTED = { issuer: "edge1.acme.catalyst.internal", audience: "acme.catalyst.internal" };
