// Amounts as people read them: two largest units of a time, a moment as clock time in UTC, a count with its noun.

const UNITS: readonly (readonly [string, number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
];

/** "3 h 2 m", "12 s", "340 ms" */
export function span(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const at = UNITS.findIndex(([, size]) => ms >= size);
  const [unit, size] = UNITS[at] ?? ["s", 1_000];
  const next = UNITS[at + 1];
  const first = Math.floor(ms / size);
  const second = next === undefined ? 0 : Math.floor((ms % size) / next[1]);
  return second === 0 || next === undefined ? `${first} ${unit}` : `${first} ${unit} ${second} ${next[0]}`;
}

/** "2026-03-01 12:30:05" (UTC): equal on every machine that reads it. */
export const moment = (ms: number): string => new Date(ms).toISOString().replace("T", " ").slice(0, 19);

/** "12:30:05.123" (UTC) */
export const clockTime = (ms: number): string => new Date(ms).toISOString().slice(11, 23);

export const count = (amount: number, noun: string): string => `${amount} ${noun}${amount === 1 ? "" : "s"}`;
