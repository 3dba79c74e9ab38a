// Text forms of amounts, both ways: durations ("30s" ↔ milliseconds) and sizes ("64MiB" ↔ bytes). Without any import, because
// the flag parser and the client verbs need it as much as the schema does (codecs.ts).
// Invariant: reading what was written gives the same amount.

const DURATIONS: Units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZES: Units = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

type Units = Readonly<Record<string, number>>;

// At most three decimals and twelve digits, so that the product stays exact.
const read = (units: Units, text: string): number => {
  const [, amount = "", unit = ""] = /^(\d{1,12}(?:\.\d{1,3})?)([A-Za-z]+)$/.exec(text) ?? [];
  return Math.round(Number(amount || Number.NaN) * (units[unit] ?? Number.NaN));
};

/** Writes in the largest unit that divides the amount. */
const write = (units: Units, amount: number): string => {
  const all = Object.entries(units);
  const fits = ([, factor]: readonly [string, number]): boolean => amount >= factor && amount % factor === 0;
  const [unit, factor] = all.toReversed().find(fits) ?? all[0] ?? ["", 1];
  return `${amount / factor}${unit}`;
};

/** "250ms", "30s", "1.5m", "1h", "7d" → milliseconds; NaN when it is none. */
export const readDuration = (text: string): number => read(DURATIONS, text);
export const writeDuration = (ms: number): string => write(DURATIONS, ms);

/** "64KiB", "1MiB" → bytes; NaN when it is none. */
export const readSize = (text: string): number => read(SIZES, text);
export const writeSize = (bytes: number): string => write(SIZES, bytes);
