// A hash over a table of plain data, equal for equal content whatever the order of rows and members: 64 bits,
// each row mixed on its own, the rows added. It detects a replay that went another way or a damaged table; it
// is no protection against somebody who forges one (that would need a cryptographic hash, which the pure
// rooms do not have). By chance two different states agree once in 2^64. Rows that changed are noted and
// hashed only when the hash is asked for, so an event pays one Set.add at most, and nothing before the first
// question.

/** Two independent 32-bit lanes. */
export interface Lanes {
  readonly a: number;
  readonly b: number;
}

/** Type tags, so that "1", 1, [1] and {1: …} differ. */
const TAG = { null: 1, false: 2, true: 3, integer: 4, float: 5, string: 6, array: 7, object: 8 } as const;

const float = new Float64Array(1);
const floatWords = new Uint32Array(float.buffer);

const SEED: Lanes = { a: 0x2545f491, b: 0x9e3779b9 | 0 };

function mixA(a: number, word: number): number {
  const k = Math.imul(word, 0xcc9e2d51);
  const mixed = a ^ Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

function mixB(b: number, word: number): number {
  const k = Math.imul(word, 0x239b961b);
  const mixed = b ^ Math.imul((k << 16) | (k >>> 16), 0xab0e9789 | 0);
  return (Math.imul((mixed << 17) | (mixed >>> 15), 5) + 0x561ccd1b) | 0;
}

/**
 * Murmur3's block step with one set of constants per lane; they differ, so a collision in one lane is none in
 * the other.
 */
export class Mixer {
  #a = SEED.a;
  #b = SEED.b;
  #words = 0;

  word(word: number): void {
    this.#a = mixA(this.#a, word);
    this.#b = mixB(this.#b, word);
    this.#words += 1;
  }

  text(text: string): void {
    const { length } = text;
    let a = mixA(mixA(this.#a, TAG.string), length);
    let b = mixB(mixB(this.#b, TAG.string), length);
    // Two UTF-16 units a word.
    for (let i = 0; i < length; i += 2) {
      const next = i + 1 < length ? text.charCodeAt(i + 1) << 16 : 0;
      const word = text.charCodeAt(i) | next;
      a = mixA(a, word);
      b = mixB(b, word);
    }
    this.#a = a;
    this.#b = b;
    this.#words += 2 + ((length + 1) >> 1);
  }

  value(value: unknown): void {
    if (typeof value === "string") this.text(value);
    else if (typeof value === "number") this.#number(value);
    else if (typeof value === "boolean") this.word(value ? TAG.true : TAG.false);
    else if (typeof value !== "object" || value === null) this.word(TAG.null);
    else if (Array.isArray(value)) {
      this.word(TAG.array);
      this.word(value.length);
      for (const item of value) this.value(item);
    } else this.#members(value);
  }

  /** What was mixed in since the last time. */
  lanes(): Lanes {
    const lanes = { a: finish(this.#a ^ this.#words), b: finish(this.#b ^ this.#words) };
    this.#a = SEED.a;
    this.#b = SEED.b;
    this.#words = 0;
    return lanes;
  }

  #number(value: number): void {
    if ((value | 0) === value) {
      this.word(TAG.integer);
      this.word(value);
      return;
    }
    float[0] = value;
    this.word(TAG.float);
    this.word(floatWords[0] ?? 0);
    this.word(floatWords[1] ?? 0);
  }

  /** In the order of their names; a member that is undefined is none, as in the record. */
  #members(value: object): void {
    const record = value as Readonly<Record<string, unknown>>;
    const names = Object.keys(record);
    if (!ascend(names)) names.sort();
    this.word(TAG.object);
    for (const name of names) {
      const member = record[name];
      if (member === undefined) continue;
      this.text(name);
      this.value(member);
    }
    this.word(TAG.null);
  }
}

/** Most come in order, and sorting costs more than all the rest. */
function ascend(names: readonly string[]): boolean {
  for (let at = 1; at < names.length; at++) if ((names[at - 1] ?? "") > (names[at] ?? "")) return false;
  return true;
}

/** Murmur3's last step: every input bit reaches every output bit. */
function finish(h: number): number {
  let x = h ^ (h >>> 16);
  x = Math.imul(x, 0x85ebca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

export function hashOf(value: unknown): Lanes {
  const mixer = new Mixer();
  mixer.value(value);
  return mixer.lanes();
}

export const hex = ({ a, b }: Lanes): string =>
  (a >>> 0).toString(16).padStart(8, "0") + (b >>> 0).toString(16).padStart(8, "0");

/** The hash of a table that changes row by row. */
export class TableHash<K> {
  readonly #rows = new Map<K, Lanes>();
  /** Undefined until somebody asks: before, every row counts as changed. */
  #changed: Set<K> | undefined;
  #a = 0;
  #b = 0;

  touch(key: K): void {
    this.#changed?.add(key);
  }

  /** `row` tells what a changed key holds now; `all` yields every key, for the first time. */
  sum(row: (key: K) => unknown, all: () => Iterable<K>): Lanes {
    for (const key of this.#changed ?? all()) {
      const old = this.#rows.get(key);
      const value = row(key);
      if (old !== undefined) this.#add(-old.a, -old.b);
      if (value === undefined) {
        this.#rows.delete(key);
        continue;
      }
      const lanes = hashOf([key, value]);
      this.#rows.set(key, lanes);
      this.#add(lanes.a, lanes.b);
    }
    if (this.#changed === undefined) this.#changed = new Set();
    else this.#changed.clear();
    return { a: this.#a, b: this.#b };
  }

  #add(a: number, b: number): void {
    this.#a = (this.#a + a) >>> 0;
    this.#b = (this.#b + b) >>> 0;
  }
}
