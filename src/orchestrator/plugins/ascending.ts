// Puts a short list in order, which mostly it is already: endpoints are kept sorted, and most services have one or two. The check is
// worth its lines because `Array.sort` takes some 2 kB of working memory however short the list is; with it, sorting was a third of
// all memory that an event took.

/** In place; returns the list. */
export function ascending<T>(list: T[], textOf: (item: T) => string): T[] {
  for (let at = 1; at < list.length; at++) {
    const [before, here] = [list[at - 1], list[at]];
    if (before === undefined || here === undefined || textOf(before) <= textOf(here)) continue;
    return list.sort((a, b) => (textOf(a) < textOf(b) ? -1 : 1));
  }
  return list;
}

export const itself = (text: string): string => text;
