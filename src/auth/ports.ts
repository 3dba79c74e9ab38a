// What the auth room needs from outside: time, jitter, logging, and where its measurements go. All of it is passed in, so
// that tests drive time by hand and a node without telemetry pays nothing. The shapes equal the kernel's ports; they are
// declared here because this room may not import the kernel (tools/rooms.ts).
// Invariant: nothing in this room reads a clock or sets a timer but through `Clock`. Secrets do not come from `Random`: it is
// for jitter only; key material always comes from node:crypto.

export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. */
  now(): number;
  /** Never jumps; for durations only. */
  monotonic(): number;
  /** Runs `run` once after `ms`; the returned function cancels it. */
  after(ms: number, run: () => void): () => void;
}

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
}

export interface Log {
  debug(fields: object, text: string): void;
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
}

/** Measurements of this room (docs/internals/processes.md section 4). Outcomes are closed sets, never text from the wire. */
export interface Instruments {
  /** `auth.sign.duration`; `error` is an error code. */
  sign(seconds: number, error?: string): void;
  /** `auth.verify.duration`; `outcome` is "hit", "ok" or the name of the step that refused. */
  verify(seconds: number, outcome: string): void;
  /** `auth.jwks.fetch`. */
  jwksFetch(outcome: "ok" | "unchanged" | "failed"): void;
}

const nothing = (): void => undefined;
export const NO_INSTRUMENTS: Instruments = { sign: nothing, verify: nothing, jwksFetch: nothing };

/** The reason of a failure in one line, for logs and `problem` fields. */
export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
