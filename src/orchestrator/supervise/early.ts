// Parts that are started before the configuration is known: they load their code, which is the longer half of their start, while
// the reader still reads. As many as have a processor of their own start with it, the others as soon as the reader knows that the
// parts are processes of their own. Invariant: such a part touches nothing before it is told of its boot file (process.ts).

import type { ChildProcess } from "node:child_process";
import { availableParallelism } from "node:os";
import type { PartName } from "#rpc";
import { ownPart, type PartPlan } from "./plan.ts";
import { runs, spawnPart } from "./spawn.ts";

/** The one that loads most first. */
const OWN_PARTS = ["gateway", "orchestrator", "auth"] as const;

export class EarlyParts {
  readonly #program: PartPlan["command"];
  readonly #children = new Map<PartName, ChildProcess>();

  constructor(program: PartPlan["command"]) {
    this.#program = program;
  }

  /** Those for which there is a processor beside the reader's. */
  startBesideReader(): void {
    this.#start(OWN_PARTS.slice(0, availableParallelism() - 1));
  }

  startAll(): void {
    this.#start(OWN_PARTS);
  }

  /** For who takes them over. */
  get children(): ReadonlyMap<PartName, ChildProcess> {
    return this.#children;
  }

  /** Nobody takes them over. Resolves when they are gone. */
  async end(): Promise<void> {
    const running = [...this.#children.values()].filter(runs);
    for (const child of running) child.kill("SIGKILL");
    await Promise.all(running.map((child) => new Promise((resolve) => child.once("close", resolve))));
  }

  #start(names: readonly (typeof OWN_PARTS)[number][]): void {
    for (const name of names) {
      if (this.#children.has(name)) continue;
      const child = spawnPart({ ...ownPart(this.#program, name), watchesStdin: true }, {}, undefined);
      // Who takes it over sees that there is no process.
      child.once("error", () => undefined);
      this.#children.set(name, child);
    }
  }
}
