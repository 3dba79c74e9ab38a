// Writes down what passed through a loop, so that a replay reaches the same states: one JSON line for the
// head, one per turn with its events in order (the turn is the commit boundary), every so often with a hash
// of the state, and one at the end. Events hold no secrets by contract, so a record does not either. A record
// begins with the node: from an empty state.

import { KernelError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import type { Batch, Loop } from "./loop.ts";
import type { Event, Millis, Types } from "./plugin.ts";

export const RECORD_VERSION = 1;

/** First line. A replay needs the same plugins in the same order, or it would decide otherwise. */
export interface RecordHead {
  readonly record: typeof RECORD_VERSION;
  /** Full name of the node. */
  readonly node: string;
  /** Version of the program that wrote it. */
  readonly program: string;
  readonly plugins: readonly string[];
  readonly at: Millis;
}

/** Lines between: `r` the revision after the turn, `e` its events, `h` the hash of the state now and then. */
export interface RecordBatch {
  readonly r: number;
  readonly e: readonly Event[];
  readonly h?: string;
}

/** Last line. Missing, the program did not end by itself. */
export interface RecordEnd {
  readonly end: true;
  readonly r: number;
  readonly h: string;
  /** Batch lines before. */
  readonly batches: number;
}

export interface RecorderOptions {
  readonly node: string;
  readonly program: string;
  readonly at: Millis;
  /** Takes the text as it is, in order; lines end in "\n". */
  readonly append: (text: string) => void;
  /** Batches between two hashes. */
  readonly hashEvery?: number;
}

/** Begins to record; the returned function writes the last line and ends it. */
export function record<T extends Types>(loop: Loop<T>, options: RecorderOptions): () => void {
  if (loop.status().events > 0) {
    throw new KernelError("ERR_RECORD_INVALID", "a record can only begin before the first event");
  }
  const { node, program, at, append } = options;
  const hashEvery = options.hashEvery ?? LIMITS.recordHashEvery;
  let batches = 0;
  const write = (line: RecordHead | RecordBatch | RecordEnd) => append(`${JSON.stringify(line)}\n`);
  write({ record: RECORD_VERSION, node, program, plugins: loop.plugins, at });
  const unwatch = loop.watch(({ events, revision }: Batch<T>) => {
    batches += 1;
    const hash = batches % hashEvery === 0 ? { h: loop.hash() } : {};
    write({ r: revision, e: events, ...hash });
  });
  let open = true;
  return () => {
    if (!open) return;
    open = false;
    unwatch();
    write({ end: true, r: loop.revision, h: loop.hash(), batches });
  };
}
