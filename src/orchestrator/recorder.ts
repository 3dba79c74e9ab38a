// Writes the record of a run to a file, in order and without waiting: the loop hands over text, a stream takes it. A disk that
// fails ends the record, not the node; `status` says so.

import { createWriteStream, existsSync } from "node:fs";
import { type Loop, record } from "#kernel";
import type { NodeTypes } from "#routing";
import type { Boot } from "./boot.ts";

/** Text that waits for the disk; beyond it the record would grow in memory, so it ends there and says so. */
const BACKLOG_BYTES_MAX = 256 * 1024 * 1024;

export interface Recorder {
  readonly file: string;
  readonly broken: string | undefined;
  /** Writes the last line and waits for the disk. */
  stop(): Promise<void>;
}

/** A record begins with an empty state: an orchestrator that was started again begins the next file. */
function freeName(file: string): string {
  for (let i = 0; ; i += 1) {
    const name = i === 0 ? file : `${file}.${i}`;
    if (!existsSync(name)) return name;
  }
}

export function startRecorder(loop: Loop<NodeTypes>, boot: Boot, wanted: string, now: number): Recorder {
  const file = freeName(wanted);
  const stream = createWriteStream(file, { mode: 0o600 });
  let broken: string | undefined;
  stream.on("error", (error) => (broken ??= error.message));
  const end = record(loop, {
    node: boot.names.node,
    program: boot.version,
    at: now,
    append: (text) => {
      if (broken !== undefined) return;
      if (stream.writableLength > BACKLOG_BYTES_MAX) broken = "the disk is too slow";
      else stream.write(text);
    },
  });
  return {
    file,
    get broken() {
      return broken;
    },
    stop: async () => {
      end();
      await new Promise<void>((resolve) => {
        stream.once("close", resolve);
        stream.end();
      });
    },
  };
}
