// Steps a fresh loop through a record and checks that it reaches the recorded revisions and state hashes.
// What is wrong with the file is said with its line: damaged, cut off, another version, other plugins; what
// is wrong with the program (another state from the same events) is its own error. The lines come from
// outside; this room opens no file.

import { KernelError, type KernelErrorCode } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import type { Loop } from "./loop.ts";
import type { Event, Types } from "./plugin.ts";
import { RECORD_VERSION, type RecordBatch, type RecordEnd, type RecordHead } from "./record.ts";

export interface Replayed {
  readonly head: RecordHead;
  readonly batches: number;
  readonly events: number;
  readonly revision: number;
  readonly hash: string;
  /** Places where revision and state hash were compared, the end included. */
  readonly checks: number;
  /** False: the record has no last line, which `partial` allowed. */
  readonly complete: boolean;
}

export interface ReplayOptions<T extends Types> {
  /** The same loop as was recorded, empty, with effects off. */
  readonly open: (head: RecordHead) => Loop<T>;
  /** Accept a record that stops without its last line or within one, as a killed node leaves it. */
  readonly partial?: boolean;
}

type Lines = AsyncIterable<string> | Iterable<string>;

export async function replay<T extends Types>(lines: Lines, options: ReplayOptions<T>): Promise<Replayed> {
  let number = 0;
  let run: Run<T> | undefined;
  let torn: KernelError | undefined;
  for await (const text of lines) {
    number += 1;
    // Only the last line may be torn: something after it means damage in the middle.
    if (torn !== undefined) throw torn;
    if (run?.end !== undefined) throw invalid(number, "something follows the last line");
    const line = parse(text, number);
    if (line instanceof KernelError) {
      torn = line;
      continue;
    }
    if (run === undefined) run = begin(line, options);
    else run.line(line, number);
  }
  if (run === undefined) throw torn ?? invalid(1, "the record is empty");
  if (torn !== undefined && options.partial !== true) throw torn;
  if (run.end === undefined && options.partial !== true) {
    throw invalid(number + 1, `the record ends without its last line, after revision ${run.loop.revision}`);
  }
  return run.result();
}

class Run<T extends Types> {
  readonly head: RecordHead;
  readonly loop: Loop<T>;
  end: RecordEnd | undefined;
  #batches = 0;
  #events = 0;
  #checks = 0;

  constructor(head: RecordHead, loop: Loop<T>) {
    this.head = head;
    this.loop = loop;
  }

  line(line: Record<string, unknown>, number: number): void {
    if (isEnd(line)) {
      if (line.batches !== this.#batches) {
        throw invalid(number, `the record says ${line.batches} batches, there are ${this.#batches}`);
      }
      this.#check(line.r, line.h, number);
      this.end = line;
      return;
    }
    if (!isBatch(line)) throw invalid(number, "neither a batch of events nor the end");
    this.loop.step(line.e);
    this.#batches += 1;
    this.#events += line.e.length;
    this.#check(line.r, line.h, number);
  }

  result(): Replayed {
    return {
      head: this.head,
      batches: this.#batches,
      events: this.#events,
      revision: this.loop.revision,
      hash: this.loop.hash(),
      checks: this.#checks,
      complete: this.end !== undefined,
    };
  }

  #check(revision: number, hash: string | undefined, number: number): void {
    if (this.loop.revision !== revision) {
      throw diverged(number, `revision ${revision} was recorded, the replay is at ${this.loop.revision}`);
    }
    if (hash === undefined) return;
    this.#checks += 1;
    const own = this.loop.hash();
    if (own !== hash) throw diverged(number, `revision ${revision}: state ${hash} recorded, ${own} reached`);
  }
}

function begin<T extends Types>(line: Record<string, unknown>, options: ReplayOptions<T>): Run<T> {
  if (line["record"] === undefined) throw invalid(1, "not a record of this program");
  if (line["record"] !== RECORD_VERSION) {
    throw invalid(1, `record version ${String(line["record"])}, this program reads ${RECORD_VERSION}`);
  }
  if (!isHead(line)) throw invalid(1, "the head is damaged");
  const loop = options.open(line);
  const own = loop.plugins.join(", ");
  const recorded = line.plugins.join(", ");
  if (own !== recorded) throw invalid(1, `recorded with the plugins ${recorded}; here run ${own}`);
  return new Run(line, loop);
}

function parse(text: string, number: number): Record<string, unknown> | KernelError {
  if (text.length > LIMITS.recordLine) return invalid(number, `longer than ${LIMITS.recordLine} characters`);
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
    return invalid(number, "not a JSON object");
  } catch {
    return invalid(number, "damaged or cut off, not JSON");
  }
}

const isHead = (line: object): line is RecordHead =>
  "node" in line &&
  typeof line.node === "string" &&
  "plugins" in line &&
  Array.isArray(line.plugins) &&
  line.plugins.every((name) => typeof name === "string");

const isEnd = (line: object): line is RecordEnd =>
  "end" in line && "r" in line && "h" in line && "batches" in line && typeof line.h === "string";

const isBatch = (line: object): line is RecordBatch =>
  "r" in line &&
  typeof line.r === "number" &&
  "e" in line &&
  Array.isArray(line.e) &&
  line.e.every(isEvent) &&
  (!("h" in line) || typeof line.h === "string");

const isEvent = (event: unknown): event is Event =>
  typeof event === "object" &&
  event !== null &&
  "kind" in event &&
  typeof event.kind === "string" &&
  "at" in event &&
  typeof event.at === "number";

const invalid = (line: number, text: string): KernelError => fault("ERR_RECORD_INVALID", line, text);
const diverged = (line: number, text: string): KernelError => fault("ERR_REPLAY_DIVERGED", line, text);
const fault = (code: KernelErrorCode, line: number, text: string): KernelError =>
  new KernelError(code, `line ${line}: ${text}`);
