// Prepared documents of one graph, found by their text. Bounded in entries and bytes, because whoever may send documents may
// fill it; a second chance for every entry that was used since it was last looked at keeps the working set in. Refused
// documents are kept too: repeating a wrong query costs no thread. Invariant: `bytes` is the sum over the entries.

export interface Entry<Value> {
  readonly key: string;
  readonly value: Value;
  readonly bytes: number;
  hits: number;
  used: boolean;
}

export class Documents<Value> {
  readonly #entriesMax: number;
  readonly #bytesMax: number;
  readonly #entries = new Map<string, Entry<Value>>();
  #bytes = 0;

  constructor(entriesMax: number, bytesMax: number) {
    this.#entriesMax = entriesMax;
    this.#bytesMax = bytesMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    entry.used = true;
    entry.hits += 1;
    return entry.value;
  }

  set(key: string, value: Value, bytes: number, hits = 0): void {
    const known = this.#entries.get(key);
    if (known !== undefined) {
      this.#bytes -= known.bytes;
      this.#entries.delete(key);
    }
    if (bytes > this.#bytesMax || this.#entriesMax <= 0) return;
    this.#bytes += bytes;
    this.#entries.set(key, { key, value, bytes, hits, used: false });
    while (this.#entries.size > this.#entriesMax || this.#bytes > this.#bytesMax) this.#evict(key);
  }

  /** The most used of those that are worth it; counts are halved, so that yesterday's favourites fade. */
  hottest(
    count: number,
    worth: (value: Value) => boolean,
  ): { readonly key: string; readonly hits: number }[] {
    const sorted = [...this.#entries.values()]
      .filter(({ value }) => worth(value))
      .toSorted((a, b) => b.hits - a.hits)
      .slice(0, count);
    for (const entry of this.#entries.values()) entry.hits >>= 1;
    return sorted.map(({ key, hits }) => ({ key, hits: hits >> 1 }));
  }

  /** Takes out the oldest entry that had no use; ends, because each step clears a mark or an entry. */
  #evict(newest: string): void {
    for (const entry of this.#entries.values()) {
      this.#entries.delete(entry.key);
      if (entry.used || entry.key === newest) {
        entry.used = false;
        this.#entries.set(entry.key, entry);
        if (this.#entries.size === 1) return;
        continue;
      }
      this.#bytes -= entry.bytes;
      return;
    }
  }
}
