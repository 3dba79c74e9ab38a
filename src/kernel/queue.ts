// First in, first out, in a ring that doubles when full: push and take cost O(1) whatever the depth
// (`Array.shift` does not, above some 50,000 entries). Taken places are cleared, so that the ring never keeps
// an event alive. The bound is the owner's.

export class Queue<T> {
  #ring: (T | undefined)[] = Array.from({ length: 1_024 });
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    if (this.#size === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#size) & (this.#ring.length - 1)] = item;
    this.#size += 1;
  }

  take(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#size -= 1;
    return item;
  }

  #grow(): void {
    const next: (T | undefined)[] = Array.from({ length: this.#ring.length * 2 });
    for (let i = 0; i < this.#size; i++) next[i] = this.#ring[(this.#head + i) & (this.#ring.length - 1)];
    this.#ring = next;
    this.#head = 0;
  }
}
