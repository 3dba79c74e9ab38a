// Texts of schemas that peers told of by hash only: fetched in the background from one of the nodes that told, each once, a few at a
// time, again with backoff while nobody has it. The content proves itself by its hash, so it does not matter who gave it.
// Invariants: at most one fetch of a hash at a time; what nobody wants any more is not asked for again; nothing is stored whose
// hash is another.

import type { Clock, Random } from "#kernel";
import type { Hash, NodeName } from "#routing";
import { sha256 } from "../store/store.ts";

const RETRY_FIRST_MS = 250;
const RETRY_LAST_MS = 30_000;
const AT_ONCE_MAX = 4;
/** As much as the store and the gateway take. */
const BYTES_MAX = 2 * 1024 * 1024;

export interface SchemaFetchOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Asks one node; settles within a deadline of its own. */
  readonly fetch: (node: NodeName, hash: Hash) => Promise<string>;
  readonly put: (sdl: string) => Hash;
}

interface Fetching {
  readonly hash: Hash;
  nodes: readonly NodeName[];
  failures: number;
  problem: string | undefined;
  state: "waiting" | "queued" | "active" | "stored";
  cancel: () => void;
}

export class SchemaFetch {
  readonly #options: SchemaFetchOptions;
  readonly #wanted = new Map<Hash, Fetching>();
  readonly #queue: Fetching[] = [];
  readonly #onArrival: () => void;
  #active = 0;

  constructor(options: SchemaFetchOptions, onArrival: () => void) {
    this.#options = options;
    this.#onArrival = onArrival;
  }

  /** The whole of what is missing now, with who has it; everything else is forgotten. */
  want(missing: ReadonlyMap<Hash, readonly NodeName[]>): void {
    for (const [hash, fetching] of this.#wanted) {
      if (missing.has(hash)) continue;
      fetching.cancel();
      this.#wanted.delete(hash);
    }
    for (const [hash, nodes] of missing) {
      const known = this.#wanted.get(hash);
      if (known === undefined) this.#begin(hash, nodes);
      else this.#again(known, nodes);
    }
  }

  /** Why it is not here yet; undefined before the first attempt failed. */
  problem(hash: Hash): string | undefined {
    return this.#wanted.get(hash)?.problem;
  }

  stop(): void {
    this.want(new Map());
  }

  #begin(hash: Hash, nodes: readonly NodeName[]): void {
    const fetching: Fetching = {
      hash,
      nodes,
      failures: 0,
      problem: undefined,
      state: "waiting",
      cancel: () => {},
    };
    this.#wanted.set(hash, fetching);
    this.#enqueue(fetching);
  }

  #enqueue(fetching: Fetching): void {
    fetching.cancel();
    fetching.state = "queued";
    this.#queue.push(fetching);
    this.#next();
  }

  #next(): void {
    while (this.#active < AT_ONCE_MAX) {
      const fetching = this.#queue.shift();
      if (fetching === undefined) return;
      if (this.#wanted.get(fetching.hash) !== fetching) continue;
      this.#active += 1;
      fetching.state = "active";
      void this.#fetch(fetching).finally(() => {
        this.#active -= 1;
        this.#next();
      });
    }
  }

  async #fetch(fetching: Fetching): Promise<void> {
    const { hash, nodes } = fetching;
    let problem: string | undefined = "nobody tells of it any more";
    for (const node of nodes) {
      problem = await this.#attempt(hash, node);
      if (problem === undefined || this.#wanted.get(hash) !== fetching) break;
    }
    if (this.#wanted.get(hash) !== fetching) return;
    if (problem !== undefined) return this.#later(fetching, problem);
    fetching.state = "stored";
    this.#onArrival();
  }

  #again(fetching: Fetching, nodes: readonly NodeName[]): void {
    const others = fetching.nodes.join(" ") !== nodes.join(" ");
    fetching.nodes = nodes;
    // Somebody else may have it: no reason to wait.
    if (fetching.state === "waiting" && others) this.#enqueue(fetching);
    if (fetching.state === "stored") this.#later(fetching, "it came, and the store did not keep it");
  }

  #later(fetching: Fetching, problem: string): void {
    fetching.problem = problem;
    fetching.state = "waiting";
    const { clock, random } = this.#options;
    const waitMs = Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** Math.min(fetching.failures, 10));
    fetching.failures += 1;
    fetching.cancel = clock.after(waitMs * (0.5 + 0.5 * random.next()), () => this.#enqueue(fetching));
  }

  /** What went wrong. */
  async #attempt(hash: Hash, node: NodeName): Promise<string | undefined> {
    try {
      const text = await this.#options.fetch(node, hash);
      if (Buffer.byteLength(text) > BYTES_MAX) return `it is larger than ${BYTES_MAX} bytes`;
      if (sha256(text) !== hash) return "what the peer sent is not what it told of";
      this.#options.put(text);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message.slice(0, 300) : "it could not be fetched";
    }
  }
}
