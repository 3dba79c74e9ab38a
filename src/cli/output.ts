// Where a verb's answer goes: data to standard output, every other word to standard error. Secrets are taken out of both,
// unless the answer is a secret that was asked for. A reader that went away (`catalyst events | head -1`) is no failure.

import type { Writable } from "node:stream";
import { scrub } from "./scrub.ts";
import { type Style, styleFor } from "./render/style.ts";
import type { Answer } from "./verb.ts";

export interface OutputOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly color: boolean;
  /** Write the answer as it is. */
  readonly secret?: boolean | undefined;
}

export type Stream = Writable & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

export class Output {
  readonly json: boolean;
  readonly style: Style;
  readonly errorStyle: Style;
  readonly #options: OutputOptions;
  readonly #stdout: Stream;
  readonly #stderr: Stream;

  constructor(options: OutputOptions, stdout: Stream, stderr: Stream) {
    this.json = options.json;
    this.style = styleFor(stdout, options.color);
    this.errorStyle = styleFor(stderr, options.color);
    this.#options = options;
    this.#stdout = stdout;
    this.#stderr = stderr;
  }

  get isTerminal(): boolean {
    return this.#stdout.isTTY === true;
  }

  /** Of the screen, as it is now: a window changes its size. */
  get screen(): { readonly columns: number; readonly rows: number } {
    return { columns: this.#stdout.columns ?? 80, rows: this.#stdout.rows ?? 24 };
  }

  answer(answer: Answer): void {
    this.write(this.json ? JSON.stringify(answer.data, undefined, 2) : answer.text(this.style));
    if (answer.note !== undefined) this.note(answer.note);
  }

  /** One record of a stream: a line of JSON, or of text. */
  record(data: unknown, text: (style: Style) => string): void {
    this.write(this.json ? JSON.stringify(data) : text(this.style));
  }

  write(text: string): void {
    if (text === "") return;
    this.#stdout.write(this.#options.secret === true ? `${text}\n` : `${scrub(text)}\n`);
  }

  /** Control sequences of a screen that is drawn again. */
  raw(text: string): void {
    this.#stdout.write(scrub(text));
  }

  /** A word beside the answer; `--quiet` leaves it out. */
  note(text: string): void {
    if (!this.#options.quiet) this.warn(text);
  }

  /** A word that must not be missed. */
  warn(text: string): void {
    this.#stderr.write(`${scrub(text)}\n`);
  }
}
