// What commits change between nodes, for `catalyst events`: peers and rules that came and went, routes gained and lost. A table of a
// hundred thousand routes that arrives is a few lines, not a hundred thousand: what changes within a second is one line a peer, with
// the first names of it. Sessions tell of themselves. Invariant: what is held between two lines is bounded by the number of peers.

import type { Batch, Clock } from "#kernel";
import type { Best, Commit, NodeName, NodeTypes, ServiceName } from "#routing";
import type { Peering } from "../peering/peering.ts";
import type { Journal } from "./journal.ts";

/** Between two lines about one peer's routes. */
const EVERY_MS = 1_000;
const NAMES_SHOWN = 3;

type Kind = "gained" | "lost" | "moved";

interface Tally {
  readonly kind: Kind;
  readonly peer: NodeName;
  count: number;
  readonly names: ServiceName[];
}

const TEXT: Readonly<Record<Kind, string>> = {
  gained: "gained from",
  lost: "lost from",
  moved: "now reached by",
};

export class PeeringNews {
  readonly #clock: Clock;
  readonly #journal: Journal;
  readonly #peering: Peering;
  readonly #tallies = new Map<string, Tally>();
  #toldAt = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, journal: Journal, peering: Peering) {
    this.#clock = clock;
    this.#journal = journal;
    this.#peering = peering;
  }

  /** With each turn of the loop, after the journal took the commit. */
  turn({ events, commit }: Pick<Batch<NodeTypes>, "events" | "commit">): void {
    if (commit !== undefined) this.#commit(commit);
    if (events.some(({ kind }) => kind === "rules.set")) this.#rules();
    if (this.#tallies.size === 0 || this.#cancel !== undefined) return;
    const waitMs = this.#toldAt + EVERY_MS - this.#clock.monotonic();
    if (waitMs <= 0) this.#tell();
    else
      this.#cancel = this.#clock.after(waitMs, () => {
        this.#cancel = undefined;
        this.#tell();
      });
  }

  close(): void {
    this.#cancel?.();
  }

  #commit({ changes }: Commit): void {
    for (const [node, { before, after }] of changes.peers) {
      if (before === undefined && after !== undefined)
        this.#add("peer.added", `${node} added (${roleText(after.kind, after.role)})`, node);
      if (after === undefined) this.#add("peer.removed", `${node} removed`, node);
    }
    for (const [name, { before, after }] of changes.routes) this.#route(name, before, after);
  }

  #route(name: ServiceName, before: Best | undefined, after: Best | undefined): void {
    const [was] = before ?? [];
    const [is] = after ?? [];
    if (is === undefined) {
      if (was !== undefined && was.peer.terms.local !== true) this.#count("lost", was.peerName, name);
      return;
    }
    // Own services have lines of their own.
    if (is.peer.terms.local === true || was?.peerName === is.peerName) return;
    this.#count(was === undefined ? "gained" : "moved", is.peerName, name);
  }

  #count(kind: Kind, peer: NodeName, name: ServiceName): void {
    const key = `${kind} ${peer}`;
    const tally = this.#tallies.get(key) ?? { kind, peer, count: 0, names: [] };
    this.#tallies.set(key, tally);
    tally.count += 1;
    if (tally.names.length < NAMES_SHOWN) tally.names.push(name);
  }

  #tell(): void {
    this.#toldAt = this.#clock.monotonic();
    for (const { kind, peer, count, names } of this.#tallies.values()) {
      const routes = count === 1 ? "1 route" : `${count} routes`;
      const more = count > names.length ? ` and ${count - names.length} more` : "";
      this.#add(`routes.${kind}`, `${routes} ${TEXT[kind]} ${peer}: ${names.join(", ")}${more}`, peer);
    }
    this.#tallies.clear();
  }

  #rules(): void {
    const count = (list: "imports" | "exports"): number => this.#peering.rules(list).length;
    this.#add(
      "rules.changed",
      `rules in force: ${count("imports")} of import, ${count("exports")} of export`,
    );
  }

  #add(kind: string, text: string, subject?: string): void {
    this.#journal.add(this.#clock.now(), kind, text, subject);
  }
}

const roleText = (kind: string, role: string): string => (kind === role ? kind : `${kind}, ${role}`);
