// Large things by hash (SDL), in memory in front of the store: the gateway's configuration is written anew with every change
// of the graph and needs the text of every service each time. Bounded in bytes; what falls out is read from disk again.

import type { Hash } from "#routing";
import type { Store } from "./store.ts";

const MEMORY_BYTES_MAX = 32 * 1024 * 1024;

export class Blobs {
  readonly #store: Pick<Store, "blob" | "putBlob">;
  readonly #bytesMax: number;
  readonly #memory = new Map<Hash, string>();
  #bytes = 0;

  constructor(store: Pick<Store, "blob" | "putBlob">, bytesMax = MEMORY_BYTES_MAX) {
    this.#store = store;
    this.#bytesMax = bytesMax;
  }

  put(text: string): Hash {
    const hash = this.#store.putBlob(text);
    this.#keep(hash, text);
    return hash;
  }

  get(hash: Hash): string | undefined {
    const known = this.#memory.get(hash) ?? this.#store.blob(hash);
    if (known !== undefined) this.#keep(hash, known);
    return known;
  }

  /** Most recently used last: a Map keeps the order of insertion. */
  #keep(hash: Hash, text: string): void {
    if (this.#memory.delete(hash)) this.#bytes -= text.length;
    this.#memory.set(hash, text);
    this.#bytes += text.length;
    for (const [oldest, old] of this.#memory) {
      if (this.#bytes <= this.#bytesMax || oldest === hash) return;
      this.#memory.delete(oldest);
      this.#bytes -= old.length;
    }
  }
}
