// What a verb of the command line is: one entry in the table (verbs.ts), from which parsing, help, completion and the reference
// page come, and one file `cli/<noun>/<verb>.ts` that does it. A verb answers with data and a way to show it; it never writes
// an error and never picks an exit code but for its own findings.

import type { AdminVerb } from "#rpc";
import type { Output } from "./output.ts";
import type { Style } from "./render/style.ts";

export interface Argument {
  /** In capitals, as help shows it. */
  readonly name: string;
  readonly text: string;
  readonly optional?: true;
  /** Takes all that follow; only the last argument may. */
  readonly many?: true;
}

export interface Flag {
  /** Without hyphens. */
  readonly name: string;
  /** Name of the value, in capitals; without it the flag is on or off. */
  readonly value?: string;
  /** May be given several times. */
  readonly many?: true;
  readonly text: string;
}

export interface Verb {
  /** "status", "service list" */
  readonly name: string;
  readonly summary: string;
  readonly args?: readonly Argument[];
  readonly flags?: readonly Flag[];
  /** Takes the configuration's flags too. */
  readonly config?: true;
  /** What it asks a running node. */
  readonly admin?: AdminVerb;
  /** Its answer is a secret, shown on purpose: not scrubbed. */
  readonly secret?: true;
  /** Handles signals and a closed output itself, because it goes on running. */
  readonly stays?: true;
  /** Command line without the program's name, and what it does. */
  readonly examples: readonly (readonly [command: string, text: string])[];
  readonly load: () => Promise<{ readonly run: (call: Call) => Promise<Answer | number> }>;
}

export interface Globals {
  readonly dataDir: string | undefined;
  readonly node: string | undefined;
  readonly json: boolean;
  readonly color: boolean;
  readonly quiet: boolean;
  /** Deadline of each call to the node. */
  readonly timeoutMs: number;
}

export const DEFAULT_TIMEOUT_MS = 10_000;

/** One command line, understood. */
export interface Call {
  readonly verb: Verb;
  /** Positional arguments in order. */
  readonly args: readonly string[];
  readonly flags: Flags;
  /** Those of the configuration, still as text. */
  readonly configFlags: readonly string[];
  readonly globals: Globals;
  readonly out: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Aborts at the first Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Values of a verb's own flags. */
export class Flags {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values;
  }

  on(name: string): boolean {
    return this.#values.has(name);
  }

  text(name: string): string | undefined {
    return this.#values.get(name)?.at(-1);
  }

  list(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }
}

export interface Answer {
  /** What `--json` prints. */
  readonly data: unknown;
  /** What people read; without a line end. */
  readonly text: (style: Style) => string;
  /** Exit code when the answer itself says that something is wrong. */
  readonly code?: number;
  /** Further words for people, on standard error. */
  readonly note?: string;
}
