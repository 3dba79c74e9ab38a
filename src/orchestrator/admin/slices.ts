// Long walks over the table on behalf of an operator, cut into slices between which the loop works. The table may change between two
// slices: what is asked for is a picture, not a transaction, and a Map goes on in order when entries come and go.

import { setImmediate as later } from "node:timers";

/** Steps between two pauses: a millisecond or two. */
const SLICE = 1_000;

/** Runs a generator that yields where it may pause. */
export async function sliced<T>(work: Generator<unknown, T>): Promise<T> {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    await new Promise<void>((resolve) => void later(resolve));
  }
}

/** All items, with a pause after each slice of them. */
export async function* unhurried<T>(items: Iterable<T>): AsyncGenerator<T> {
  let count = 0;
  for (const item of items) {
    count += 1;
    if (count % SLICE === 0) await new Promise<void>((resolve) => void later(resolve));
    yield item;
  }
}
