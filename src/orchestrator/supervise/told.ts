// What the reader (reader.ts) tells the supervisor that started it, over a pipe: one JSON line each.

import { writeSync } from "node:fs";

/** First how the node runs, in the end where its files are. */
export type Told = { readonly processes: Processes } | Files;

export type Processes = "split" | "one";

export interface Files {
  readonly bootFile: string;
  readonly planFile: string;
}

/** The reader's descriptor of the pipe. */
export const TOLD_FD = 3;

/** Whose supervisor is gone has nobody to read for. */
export const tell = (told: Told): void => {
  try {
    writeSync(TOLD_FD, `${JSON.stringify(told)}\n`);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EPIPE") process.exit(1);
    throw error;
  }
};
