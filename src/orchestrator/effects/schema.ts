// Runner of the `schema` effects: keeps the SDL of every GraphQL service read. At once when a service appears or recovers (its
// addresses change), every 60 s after that, with backoff when it fails. The text goes into the blob store, the event carries the
// hash. Invariants: one reading at a time per service, a bounded number at once, nothing is emitted after it was taken away.

import type { BatchRunner, Clock, Random, RunnerContext } from "#kernel";
import type { Effect, Hash, SchemaWant } from "#routing";

type SchemaEffect = Extract<Effect, { kind: "schema" }>;

export const REREAD_MS = 60_000;
const RETRY_FIRST_MS = 250;
const RETRY_LAST_MS = 15_000;
/** Introspection answers may be megabytes; few at once bound the memory. */
const AT_ONCE_MAX = 8;

export type SchemaRead =
  | { readonly ok: true; readonly sdl: string; readonly kind: "federation" | "graphql" }
  | { readonly ok: false; readonly code: string; readonly text: string };

export interface SchemaOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly read: (url: string, options: { timeoutMs: number; signal: AbortSignal }) => Promise<SchemaRead>;
  readonly put: (sdl: string) => Hash;
  /** After the first reading of a service, good or bad. */
  readonly onFirst?: (service: string) => void;
}

interface Reading {
  readonly want: SchemaWant;
  readonly abort: AbortController;
  failures: number;
  cancel: () => void;
}

export class SchemaReader {
  readonly #options: SchemaOptions;
  readonly #readings = new Map<string, Reading>();
  readonly #queue: Reading[] = [];
  #active = 0;
  #emit: RunnerContext["emit"] = () => {};

  constructor(options: SchemaOptions) {
    this.#options = options;
  }

  get runner(): BatchRunner<SchemaEffect> {
    return {
      batch: async (effects, context) => {
        this.#emit = (event) => context.emit(event);
        for (const effect of effects) this.#set(effect.key, effect.want);
        return { ok: true };
      },
    };
  }

  /** Reads a schema again now: its text was lost. */
  again(service: string): void {
    const reading = this.#readings.get(service);
    if (reading !== undefined) this.#set(service, reading.want);
  }

  stop(): void {
    for (const service of [...this.#readings.keys()]) this.#set(service, undefined);
  }

  #set(service: string, want: SchemaWant | undefined): void {
    const old = this.#readings.get(service);
    old?.cancel();
    old?.abort.abort();
    this.#readings.delete(service);
    if (want === undefined) return;
    const reading: Reading = { want, abort: new AbortController(), failures: 0, cancel: () => {} };
    this.#readings.set(service, reading);
    this.#enqueue(reading);
  }

  #enqueue(reading: Reading): void {
    this.#queue.push(reading);
    this.#next();
  }

  #next(): void {
    while (this.#active < AT_ONCE_MAX) {
      const reading = this.#queue.shift();
      if (reading === undefined) return;
      if (reading.abort.signal.aborted) continue;
      this.#active += 1;
      void this.#read(reading).finally(() => {
        this.#active -= 1;
        this.#next();
      });
    }
  }

  async #read(reading: Reading): Promise<void> {
    const { want, abort } = reading;
    const result = await this.#firstGood(want, abort.signal);
    if (abort.signal.aborted) return;
    const { clock, random } = this.#options;
    let waitMs = REREAD_MS;
    if (result.ok) {
      reading.failures = 0;
      const hash = this.#options.put(result.sdl);
      this.#tell(want.service, { ok: true, hash, kind: result.kind });
    } else {
      waitMs = Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** Math.min(reading.failures, 10));
      reading.failures += 1;
      this.#tell(want.service, { ok: false, code: result.code, text: result.text });
    }
    reading.cancel = clock.after(waitMs * (0.9 + 0.2 * random.next()), () => this.#enqueue(reading));
    this.#options.onFirst?.(want.service);
  }

  #tell(service: string, result: object): void {
    this.#emit({ kind: "schema.read", service, result });
  }

  /** Asks one endpoint after the other; the last failure is the answer when none is good. */
  async #firstGood(want: SchemaWant, signal: AbortSignal): Promise<SchemaRead> {
    let last: SchemaRead = { ok: false, code: "ERR_SCHEMA_UNREACHABLE", text: "it has no endpoint" };
    for (const url of want.urls) {
      try {
        last = await this.#options.read(url, { timeoutMs: want.timeoutMs, signal });
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        const code =
          error instanceof Error && "code" in error ? String(error.code) : "ERR_SCHEMA_UNREACHABLE";
        last = { ok: false, code, text };
      }
      if (last.ok || signal.aborted) return last;
    }
    return last;
  }
}
