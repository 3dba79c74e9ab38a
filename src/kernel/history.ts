// The last commits, in a ring, for whoever follows the state at its own pace (watchers, the admin's events,
// propagation). Bounded twice: by commits and by the changes in them. A reader that fell behind is told so
// (`lost`) and reads the whole state again; it is never waited for. Follows docs/internals/kernel.md section 2.

import type { Commit } from "./plugin.ts";

/** `lost`: commits between the cursor and the first one here are gone; resynchronize from the view. */
export interface Read<C> {
  readonly commits: readonly C[];
  readonly lost: boolean;
}

export interface Cursor<C> {
  /** What was committed since the last call; moves on. */
  next(): Read<C>;
}

export class History<C extends Commit> {
  readonly #commitsMax: number;
  readonly #changesMax: number;
  readonly #weigh: (commit: C) => number;
  #ring: (C | undefined)[] = [];
  /**
   * Index of the oldest kept commit in `#ring`; the front is cut off now and then, so that dropping stays
   * O(1).
   */
  #head = 0;
  #weight = 0;
  #revision = 0;

  constructor(options: { commits: number; changes: number; weigh?: ((commit: C) => number) | undefined }) {
    this.#commitsMax = options.commits;
    this.#changesMax = options.changes;
    this.#weigh = options.weigh ?? (() => 1);
  }

  /** Revision of the newest commit that was added. */
  get revision(): number {
    return this.#revision;
  }

  get size(): number {
    return this.#ring.length - this.#head;
  }

  add(commit: C): void {
    this.#ring.push(commit);
    this.#weight += this.#weigh(commit);
    this.#revision = commit.revision;
    // The newest commit always stays, however large it is.
    while (this.size > this.#commitsMax || (this.#weight > this.#changesMax && this.size > 1)) this.#drop();
    if (this.#head > 1_024 && this.#head * 2 > this.#ring.length) {
      this.#ring = this.#ring.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Commits after revision `after`, oldest first. */
  read(after: number): Read<C> {
    const oldest = this.#ring[this.#head];
    if (oldest === undefined || after >= this.#revision) return { commits: [], lost: after < this.#revision };
    const lost = after < oldest.revision - 1;
    let index = this.#head;
    // Revisions grow by one per commit, so the place is known without a search.
    if (!lost) index += Math.max(0, after - oldest.revision + 1);
    return { commits: this.#ring.slice(index) as C[], lost };
  }

  cursor(after = this.#revision): Cursor<C> {
    let position = after;
    return {
      next: () => {
        const answer = this.read(position);
        position = this.#revision;
        return answer;
      },
    };
  }

  #drop(): void {
    const oldest = this.#ring[this.#head];
    if (oldest === undefined) return;
    this.#weight -= this.#weigh(oldest);
    this.#ring[this.#head] = undefined;
    this.#head += 1;
  }
}
