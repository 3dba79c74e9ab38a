// The two phases, without queue, clock or effects: events in, one commit and the effects asked for out. Pure
// given store and plugins, so the loop, a replay and a simulation share it. Invariants: a throwing plugin
// loses what it proposed for that one event or commit and nothing else; a refused event changes nothing.
// Follows docs/internals/kernel.md section 1.

import { LIMITS } from "./limits.ts";
import type { Log, Proposals, Refusal, StateStore, Types } from "./plugin.ts";
import type { Member, Phase, Roster } from "./roster.ts";

/** What became of one event, when there is something to say. */
export interface Outcome {
  /** The event was void. */
  readonly refused: Refusal | undefined;
  /** Parts that could not be done, and plugins that threw. */
  readonly problems: readonly Refusal[];
}

const FINE: Outcome = { refused: undefined, problems: [] };

export class Phases<T extends Types> {
  readonly #store: StateStore<T>;
  readonly #roster: Roster<T>;
  readonly #log: Log;
  readonly #proposals = new Collected<T["delta"]>();
  readonly #wanted = new Collected<T["effect"]>();
  #staged = false;

  constructor(store: StateStore<T>, roster: Roster<T>, log: Log) {
    this.#store = store;
    this.#roster = roster;
    this.#log = log;
  }

  /** Phase 1 of one event. Its deltas are staged when it returns, so the next event sees them. */
  apply(event: T["event"]): Outcome {
    const store = this.#store;
    const out = this.#proposals;
    const view = store.view();
    const start = store.mark();
    const staged = this.#staged;
    let problems: Refusal[] | undefined;
    for (const member of this.#roster.applying(event.kind)) {
      if (member.disabled) continue;
      out.clear();
      const mark = store.mark();
      try {
        member.plugin.apply?.(event, view, out);
        if (out.refusal !== undefined) {
          store.undo(start);
          this.#staged = staged;
          return { refused: out.refusal, problems: problems ?? [] };
        }
        if (out.items.length > 0) {
          store.stage(out.items);
          this.#staged = true;
        }
        member.streak.apply = 0;
      } catch (error) {
        store.undo(mark);
        const text = this.#contain(member, "apply", event.kind, error);
        (problems ??= []).push({ code: "ERR_PLUGIN_FAILED", text, subject: member.plugin.name });
        continue;
      }
      if (out.problems.length > 0) (problems ??= []).push(...out.problems);
    }
    return problems === undefined ? FINE : { refused: undefined, problems };
  }

  /** Seals what the events since the last call staged; nothing staged, no revision. */
  commit(at: number): T["commit"] | undefined {
    if (!this.#staged) return undefined;
    this.#staged = false;
    return this.#store.commit([], at);
  }

  /** Phase 2. */
  react(commit: T["commit"]): T["effect"][] {
    const view = this.#store.view();
    const effects: T["effect"][] = [];
    const out = this.#wanted;
    for (const member of this.#roster.reacting) {
      if (member.disabled) continue;
      out.clear();
      try {
        member.plugin.react?.(commit, view, out);
        member.streak.react = 0;
      } catch (error) {
        this.#contain(member, "react", `revision ${commit.revision}`, error);
        continue;
      }
      for (const effect of out.items) effects.push(effect);
    }
    return effects;
  }

  #contain(member: Member<T>, phase: Phase, where: string, error: unknown): string {
    const cause = error instanceof Error ? error.message : String(error);
    const disabled = this.#roster.failed(member, phase, cause);
    const text = `plugin "${member.plugin.name}" threw in ${phase} at ${where}: ${cause}`;
    const stack = error instanceof Error ? error.stack : undefined;
    this.#log.error({ plugin: member.plugin.name, phase, failures: member.failures, disabled, stack }, text);
    return text;
  }
}

/** Few items are popped: an array cut to length 0 gives its memory back, and takes new memory for the next event's one delta. */
function empty(list: unknown[]): void {
  if (list.length > 16) list.length = 0;
  while (list.length > 0) list.pop();
}

/** Where one plugin puts what it proposes; used again for the next one, so nobody may keep the arrays. */
class Collected<X> implements Proposals<X> {
  readonly items: X[] = [];
  readonly problems: Refusal[] = [];
  refusal: Refusal | undefined;

  push(item: X): void {
    if (this.items.length >= LIMITS.pluginOutput) {
      throw new Error(`more than ${LIMITS.pluginOutput} items proposed at once`);
    }
    this.items.push(item);
  }

  refuse(refusal: Refusal): void {
    this.refusal ??= refusal;
  }

  report(problem: Refusal): void {
    this.problems.push(problem);
  }

  clear(): void {
    empty(this.items);
    empty(this.problems);
    this.refusal = undefined;
  }
}
