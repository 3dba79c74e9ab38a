// What happened between nodes, for `catalyst events`: sessions that came and went, routes gained and lost. A table of a hundred thousand
// routes that arrives is a few lines, not a hundred thousand: what changes within a second is one line a peer, with the first
// names of it. Invariant: what is held between two lines is bounded by the number of peers.

import type { Batch, Clock } from "#kernel";
import type { Best, Commit, NodeName, NodeTypes, ServiceName } from "#routing";
import type { Peering, PeerState } from "../peering/peering.ts";
import type { Journal } from "./journal.ts";

/** Between two lines about one peer's routes, and between two looks at the sessions. */
const EVERY_MS = 1_000;
const NAMES_SHOWN = 3;

type Kind = "gained" | "lost" | "moved";

interface Tally {
  readonly kind: Kind;
  readonly peer: NodeName;
  count: number;
  readonly names: ServiceName[];
}

interface Seen {
  readonly state: "down" | "up" | "synced";
  readonly flaps: number;
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
  readonly #seen = new Map<NodeName, Seen>();
  #toldAt = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, journal: Journal, peering: Peering) {
    this.#clock = clock;
    this.#journal = journal;
    this.#peering = peering;
    this.#later();
  }

  /** With each turn of the loop, after the journal took the commit. */
  turn({ events, commit }: Pick<Batch<NodeTypes>, "events" | "commit">): void {
    if (commit !== undefined) this.#commit(commit);
    if (events.some(({ kind }) => kind === "rules.set")) this.#rules();
    if (events.some(({ kind }) => kind === "peer.told")) this.#sessions();
    if (this.#clock.monotonic() - this.#toldAt >= EVERY_MS) this.#tell();
  }

  close(): void {
    this.#cancel?.();
  }

  #later(): void {
    this.#cancel = this.#clock.after(EVERY_MS, () => {
      this.#sessions();
      this.#tell();
      this.#later();
    });
  }

  #commit({ changes }: Commit): void {
    for (const [node, { before, after }] of changes.peers) {
      if (before === undefined && after !== undefined)
        this.#add("peer.added", `${node} added (${roleText(after.kind, after.role)})`, node);
      if (after !== undefined) continue;
      this.#seen.delete(node);
      this.#add("peer.removed", `${node} removed`, node);
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
    if (this.#tallies.size === 0) return;
    this.#toldAt = this.#clock.monotonic();
    for (const { kind, peer, count, names } of this.#tallies.values()) {
      const routes = count === 1 ? "1 route" : `${count} routes`;
      const more = count > names.length ? ` and ${count - names.length} more` : "";
      this.#add(`routes.${kind}`, `${routes} ${TEXT[kind]} ${peer}: ${names.join(", ")}${more}`, peer);
    }
    this.#tallies.clear();
  }

  #sessions(): void {
    for (const state of this.#peering.peers()) {
      const { node } = state.intent;
      const was = this.#seen.get(node) ?? { state: "down", flaps: 0 };
      const is = seenOf(state);
      if (is.state === was.state && is.flaps === was.flaps) continue;
      this.#seen.set(node, is);
      // It came back before anybody looked: both are told.
      if (was.state !== "down" && (is.state === "down" || is.flaps > was.flaps)) this.#down(state);
      if (is.state === "down") continue;
      if (was.state === "down" || is.flaps > was.flaps) this.#add("peer.up", `${node} is connected`, node);
      if (is.state === "synced" && (was.state !== "synced" || is.flaps > was.flaps)) {
        const routes = state.report?.routes ?? 0;
        this.#add("peer.synced", `${node} told everything: ${routes} route${routes === 1 ? "" : "s"}`, node);
      }
    }
  }

  #down({ intent, report }: PeerState): void {
    const why = intent.adminDown?.reason ?? report?.session.last?.text ?? "";
    this.#add("peer.down", `${intent.node} is not connected${why === "" ? "" : `: ${why}`}`, intent.node);
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

function seenOf({ report }: PeerState): Seen {
  const flaps = report?.session.flaps ?? 0;
  const phase = report?.session.phase;
  if (phase?.state !== "established") return { state: "down", flaps };
  return { state: phase.syncedAt === undefined ? "up" : "synced", flaps };
}
