// The log of a part: one JSON line per entry, to stdout (or stderr for programs whose answer goes to stdout).
// pino writes and filters; everything passes `scrub` first. Lines that are not written cost one comparison.

import { destination, pino, type Logger } from "pino";
import { scrub, scrubText } from "./scrub.ts";

/** Meets the kernel's `Log` by shape. */
export interface Log {
  debug(fields: object, text: string): void;
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
  /** The same log with further fields in each line: `trace_id`, `peer`. */
  child(fields: object): Log;
}

export type Level = "debug" | "info" | "warn" | "error";

export interface LogOptions {
  readonly part: string;
  readonly node?: string;
  readonly level: Level;
  /** Default "stdout". A function gets each line, for tests and for the supervisor's own prefixing. */
  readonly to?: "stdout" | "stderr" | ((line: string) => void);
}

export function createLog(options: LogOptions): Log {
  const { part, node, level, to = "stdout" } = options;
  const stream =
    typeof to === "function"
      ? { write: to }
      : // Synchronous: the last words of a process that dies are the ones that are needed.
        destination({ fd: to === "stdout" ? 1 : 2, sync: true });
  const logger = pino(
    {
      level,
      base: { part, ...(node === undefined ? {} : { node }) },
      messageKey: "text",
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  return new PartLog(logger);
}

class PartLog implements Log {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  debug(fields: object, text: string): void {
    this.#write("debug", fields, text);
  }

  info(fields: object, text: string): void {
    this.#write("info", fields, text);
  }

  warn(fields: object, text: string): void {
    this.#write("warn", fields, text);
  }

  error(fields: object, text: string): void {
    this.#write("error", fields, text);
  }

  child(fields: object): Log {
    return new PartLog(this.#logger.child(beside(scrub(fields))));
  }

  #write(level: Level, fields: object, text: string): void {
    if (!this.#logger.isLevelEnabled(level)) return;
    // A bare Error is as common as fields, and an error's own fields are not enumerable.
    const clean = beside(scrub(fields instanceof Error ? { error: fields } : fields));
    this.#logger[level](clean, scrubText(text).replaceAll(/[\n\t]+/g, " "));
  }
}

/** A second key of the same name would hide the line's own from whoever reads it. */
function beside(fields: Record<string, unknown>): Record<string, unknown> {
  for (const name of ["text", "level", "time", "part"]) {
    if (!Object.hasOwn(fields, name)) continue;
    fields[`${name}_`] = fields[name];
    Reflect.deleteProperty(fields, name);
  }
  return fields;
}
