// A node that starts. It knows less than its peers still hold of it: an end mark of its own, before it was told everything again,
// would sweep routes that it is about to pass on. So it calls nothing everything until those who can be reached told theirs. What a
// peer waits for is what others than that peer know; nodes that start together would wait for each other, so each says that it
// starts, and is waited for only while it goes on telling. Follows docs/internals/session.md section 9, "Start".

import type { Millis } from "#kernel";
import type { NodeName } from "../service.ts";
import type { Session } from "./state.ts";
import { TIMERS } from "./timers.ts";

/** Dials that came to nothing until a peer counts as one that cannot be reached. */
const TRIES = 3;

export class Start {
  readonly #sessions: () => Iterable<Session>;
  /** Their end marks came. */
  readonly #heard = new Set<NodeName>();
  #until: Millis | undefined;
  #lookedAt: Millis = 0;
  #over = false;

  constructor(sessions: () => Iterable<Session>) {
    this.#sessions = sessions;
  }

  heard(node: NodeName): void {
    if (!this.#over) this.#heard.add(node);
  }

  /** Whether a peer may be told that this is everything. */
  mayEnd(node: NodeName, at: Millis): boolean {
    return this.#over || this.#awaited(at).every((other) => other === node);
  }

  /** Sessions begin or go on. Returns peers who may be told now that this is everything; at the end of the start all. */
  look(at: Millis): NodeName[] {
    if (this.#over) return [];
    this.#lookedAt = at;
    this.#until ??= at + TIMERS.startMs;
    const awaited = this.#awaited(at);
    if (awaited.length > 0) return awaited.length === 1 ? awaited : [];
    this.#over = true;
    this.#heard.clear();
    return [...this.#sessions()].map(({ intent }) => intent.node);
  }

  /** When `look` has something to see about this peer though nothing happens. */
  due(session: Session): Millis | undefined {
    if (this.#over || this.#until === undefined) return undefined;
    const quietAt = this.#quietAt(session);
    return quietAt === undefined || quietAt <= this.#lookedAt ? this.#until : Math.min(quietAt, this.#until);
  }

  /** The first two: more make no difference to anybody. */
  #awaited(at: Millis): NodeName[] {
    const found: NodeName[] = [];
    if (this.#until !== undefined && at >= this.#until) return found;
    for (const session of this.#sessions()) {
      if (!this.#awaits(session, at)) continue;
      if (found.push(session.intent.node) === 2) break;
    }
    return found;
  }

  #awaits(session: Session, at: Millis): boolean {
    const { intent, phase, failures } = session;
    if (this.#heard.has(intent.node)) return false;
    if (phase.state === "established") {
      const quietAt = this.#quietAt(session);
      return quietAt === undefined || at < quietAt;
    }
    if (phase.state === "idle" && (phase.waits === "down" || phase.waits === "operator")) return false;
    return failures < TRIES;
  }

  /** Of a peer that starts too: when it has told all that it will tell before others end. */
  #quietAt({ intent, phase }: Session): Millis | undefined {
    if (phase.state !== "established" || phase.theirs.starting !== true) return undefined;
    return this.#heard.has(intent.node) ? undefined : phase.progressAt + TIMERS.startQuietMs;
  }
}
