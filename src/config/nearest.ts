// The nearest known word to a mistyped one, for "did you mean": keys, flags, environment variables, verbs.

/** Fewest insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal string alignment). */
export function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, (before[j - 2] ?? 0) + 1);
      }
      row.push(best);
    }
    before = last;
    last = row;
  }
  return last[b.length] ?? 0;
}

/** What differs only in case, hyphens and underscores is the same word to a person. */
const plainWord = (word: string): string => word.toLowerCase().replaceAll(/[-_]/g, "");

/** The nearest of `known`, when it is near enough to be meant: a third of its letters, at least two. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  const limited = plainWord(word.slice(0, 100));
  let found: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const each of known) {
    const steps = distance(limited, plainWord(each));
    const enough = Math.max(Math.min(2, each.length - 1), Math.floor(each.length / 3));
    if (steps <= enough && steps < least) [found, least] = [each, steps];
  }
  return found;
}
