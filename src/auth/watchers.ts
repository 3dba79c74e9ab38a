// Those who want to hear of every change of the key set: plain functions in the same process, stubs of an RPC session from
// another. Invariants: each hears the newest set, one call at a time, so a slow one holds one message and not a queue; one
// that fails or whose session breaks is dropped and its stub given back.

import { CatalystError, type KeySet } from "#rpc";
import { WATCHERS_MAX } from "./limits.ts";
import { type Log, reasonOf } from "./ports.ts";

/** A function, or an RPC stub, which can do more: it dies with the call it came by, unless it is kept by `dup`. */
interface Watch {
  (keys: KeySet): unknown;
  dup?: unknown;
  onRpcBroken?: unknown;
  [Symbol.dispose]?: unknown;
}

export class Watchers {
  readonly #all = new Map<Watch, { sent: KeySet | undefined; busy: boolean }>();
  readonly #newest: () => KeySet;
  readonly #log: Log;

  constructor(newest: () => KeySet, log: Log) {
    this.#newest = newest;
    this.#log = log;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Calls the watcher at once with what is, later with every change. */
  add(watch: Watch): void {
    if (typeof watch !== "function") throw new CatalystError("ERR_INVALID_ARGUMENT", "a function is needed");
    if (this.#all.size >= WATCHERS_MAX) throw new CatalystError("ERR_LIMIT", `over ${WATCHERS_MAX} watchers`);
    const kept = keep(watch);
    this.#all.set(kept, { sent: undefined, busy: false });
    if (typeof kept.onRpcBroken === "function") {
      kept.onRpcBroken((error: unknown) => this.#drop(kept, error));
    }
    void this.#send(kept);
  }

  changed(): void {
    for (const watch of this.#all.keys()) void this.#send(watch);
  }

  clear(): void {
    for (const watch of [...this.#all.keys()]) this.#drop(watch);
  }

  /** Sends until the watcher has the newest set; never rejects. */
  async #send(watch: Watch): Promise<void> {
    const state = this.#all.get(watch);
    if (state === undefined || state.busy) return;
    state.busy = true;
    try {
      for (let keys = this.#newest(); this.#all.has(watch) && state.sent !== keys; keys = this.#newest()) {
        state.sent = keys;
        await watch(keys);
      }
    } catch (error) {
      this.#drop(watch, error);
    } finally {
      state.busy = false;
    }
  }

  #drop(watch: Watch, error?: unknown): void {
    if (!this.#all.delete(watch)) return;
    if (error !== undefined) this.#log.debug({ reason: reasonOf(error) }, "a watcher of the keys is gone");
    const dispose = watch[Symbol.dispose];
    if (typeof dispose === "function") dispose.call(watch);
  }
}

function keep(watch: Watch): Watch {
  if (typeof watch.dup !== "function") return (keys) => watch(keys);
  const kept: unknown = watch.dup();
  if (typeof kept !== "function") throw new CatalystError("ERR_INTERNAL", "a stub could not be kept");
  return kept as Watch;
}
