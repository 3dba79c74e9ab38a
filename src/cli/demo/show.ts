// What a demonstration prints: each step as it happens, with its time; then the answer, addresses and what to try next. With
// --json one object at the end and nothing else.

import { styleFor, type Style } from "../render/style.ts";

export interface Step {
  readonly name: string;
  readonly ok: boolean;
  readonly ms: number;
  /** Why it failed. */
  readonly reason?: string;
}

export interface Ending {
  readonly answer: unknown;
  readonly reach: readonly (readonly [what: string, where: string])[];
  readonly next: readonly string[];
  readonly note: string | undefined;
}

/** The longest name of a step that stands in this program. */
const STEP_WIDTH = 48;

export class Show {
  readonly steps: Step[] = [];
  readonly #json: boolean;
  readonly #style: Style;

  constructor(json: boolean) {
    this.#json = json;
    const colour = (process.env["NO_COLOR"] ?? "") === "" && process.env["TERM"] !== "dumb";
    this.#style = styleFor(process.stdout, colour);
  }

  /** Runs one step and tells how it went; throws what the step throws. */
  async step<T>(name: string, work: () => Promise<T>, detail: (result: T) => string): Promise<T> {
    const startedAt = performance.now();
    try {
      const result = await work();
      const ms = Math.round(performance.now() - startedAt);
      this.steps.push({ name, ok: true, ms });
      const { green, dim } = this.#style;
      this.#say(
        `${green("ok")}  ${name.padEnd(STEP_WIDTH)} ${dim(`${ms} ms`.padStart(8))}  ${dim(detail(result))}`,
      );
      return result;
    } catch (error) {
      const ms = Math.round(performance.now() - startedAt);
      const reason = error instanceof Error ? error.message : String(error);
      this.steps.push({ name, ok: false, ms, reason });
      this.#say(`${this.#style.red("no")}  ${name.padEnd(STEP_WIDTH)} ${`${ms} ms`.padStart(8)}  ${reason}`);
      throw error;
    }
  }

  say(text: string): void {
    this.#say(text);
  }

  end(ending: Ending): void {
    if (this.#json) {
      this.#object({ ok: true, steps: this.steps, answer: ending.answer });
      return;
    }
    const { bold, cyan, dim, yellow } = this.#style;
    this.#say("");
    this.#say(JSON.stringify(ending.answer, undefined, 2));
    this.#say("");
    if (ending.note !== undefined) this.#say(`${yellow("note:")} ${ending.note}\n`);
    for (const [what, where] of ending.reach) this.#say(`${what.padEnd(12)} ${cyan(where)}`);
    this.#say(`\n${bold("Try next")} ${dim("(in another terminal)")}`);
    for (const command of ending.next) this.#say(`  ${command}`);
  }

  /** What failed before the first step is told as one. */
  fail(reason: string): void {
    if (this.steps.every(({ ok }) => ok)) this.steps.push({ name: "go on", ok: false, ms: 0, reason });
    if (this.#json) this.#object({ ok: false, steps: this.steps, answer: null });
  }

  #object(value: unknown): void {
    process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
  }

  #say(text: string): void {
    if (!this.#json) process.stdout.write(`${text}\n`);
  }
}
