// What happened on this node, one line for people each: the events of `catalyst events` and the console. Written from commits
// (what changed), refusals and the parts' lives, not from raw events, which are mostly probes that changed nothing.
// Invariant: bounded; who reads too late gets the oldest that is left and sees the gap in the sequence.

import type { Commit, Service, ServiceName } from "#routing";
import type { EventRecord, PartStatus } from "#rpc";

export const JOURNAL_MAX = 4_096;
/** Handed over at once to a follower; more come in the next call. */
const BATCH_MAX = 256;

type Listener = () => void;
type Entry = Omit<EventRecord, "sequence">;

export class Journal {
  readonly #ring: EventRecord[] = [];
  readonly #listeners = new Set<Listener>();
  #sequence = 0;
  #revision = 0;

  add(at: number, kind: string, text: string, subject?: string): void {
    this.#push({ at, revision: this.#revision, kind, text, ...(subject === undefined ? {} : { subject }) });
    this.#wake();
  }

  commit(commit: Commit): void {
    this.#revision = commit.revision;
    for (const [name, { before, after }] of commit.changes.services)
      for (const [kind, text] of serviceLines(name, before, after))
        this.#push({ at: commit.at, revision: commit.revision, kind, text, subject: name });
    const keys = commit.changes.keys;
    if (keys !== undefined) {
      const text = `tokens of ${keys.after.issuer} are verified with ${countOf(keys.after.jwks)}`;
      this.#push({ at: commit.at, revision: commit.revision, kind: "keys.changed", text });
    }
    this.#wake();
  }

  /** Events after sequence `after`, oldest first. */
  read(after: number, limit: number): readonly EventRecord[] {
    const first = this.#ring[0];
    if (first === undefined) return [];
    const start = Math.max(0, after - first.sequence + 1);
    return this.#ring.slice(start, start + limit);
  }

  /** The newest `limit` events, oldest first. */
  last(limit: number): readonly EventRecord[] {
    return this.#ring.slice(-limit);
  }

  /** Hands over everything after `after` and what comes, in order, one call at a time; ends with the signal or a failed call. */
  follow(
    after: number | undefined,
    onEvents: (events: readonly EventRecord[]) => unknown,
    signal: AbortSignal,
    lost: (error: unknown) => void,
  ): void {
    let position = after ?? this.#sequence;
    let busy = false;
    const pump = async (): Promise<void> => {
      if (busy) return;
      busy = true;
      try {
        for (;;) {
          const events = this.read(position, BATCH_MAX);
          if (events.length === 0 || signal.aborted) return;
          position = events.at(-1)?.sequence ?? position;
          // Waiting for the answer bounds what is on its way to a follower that reads slowly.
          await onEvents(events);
        }
      } catch (error) {
        this.#listeners.delete(listener);
        // One that went away is no news.
        if (!signal.aborted) lost(error);
      } finally {
        busy = false;
      }
    };
    const listener = (): void => void pump();
    this.#listeners.add(listener);
    signal.addEventListener("abort", () => this.#listeners.delete(listener), { once: true });
    listener();
  }

  #push(entry: Entry): void {
    this.#sequence += 1;
    this.#ring.push({ sequence: this.#sequence, ...entry });
    // Cut in blocks, so that an event costs O(1).
    if (this.#ring.length >= JOURNAL_MAX * 2) this.#ring.splice(0, this.#ring.length - JOURNAL_MAX);
  }

  #wake(): void {
    for (const listener of this.#listeners) listener();
  }
}

const countOf = (jwks: string): string => {
  const { keys = [] } = JSON.parse(jwks) as { keys?: readonly unknown[] };
  return keys.length === 1 ? "1 key" : `${keys.length} keys`;
};
const short = (name: string): string => name.split(".")[0] ?? name;
const ownerText = (service: Service): string =>
  service.owner.kind === "config" ? "configuration" : service.owner.kind;

/** What people call the difference between two states of a service. */
export function serviceLines(
  name: ServiceName,
  before: Service | undefined,
  after: Service | undefined,
): [kind: string, text: string][] {
  if (after === undefined) return before === undefined ? [] : [["service.removed", `${short(name)} removed`]];
  const lines: [string, string][] = [];
  if (before === undefined)
    lines.push(["service.added", `${short(name)} added (${after.protocol}, ${ownerText(after)})`]);
  const healthBefore = before?.health ?? "unknown";
  if (after.health !== healthBefore) lines.push([`service.${after.health}`, healthText(name, after)]);
  const urls = new Set(before?.endpoints.map((each) => each.url));
  if (before !== undefined)
    for (const { url } of after.endpoints)
      if (!urls.delete(url)) lines.push(["service.endpoint.added", `${short(name)}: endpoint ${url} added`]);
  for (const url of before === undefined ? [] : urls)
    lines.push(["service.endpoint.removed", `${short(name)}: endpoint ${url} removed`]);
  if (after.schema !== undefined && after.schema.hash !== before?.schema?.hash)
    lines.push(["service.schema", `${short(name)}: schema ${after.schema.hash.slice(0, 12)} read`]);
  const old = new Set(before?.quarantine?.map((each) => `${each.by} ${each.code} ${each.text}`));
  for (const each of after.quarantine ?? [])
    if (!old.has(`${each.by} ${each.code} ${each.text}`))
      lines.push([
        "service.quarantined",
        `${short(name)} left out by ${each.by}: ${each.text} [${each.code}]`,
      ]);
  if ((before?.quarantine?.length ?? 0) > 0 && (after.quarantine?.length ?? 0) === 0)
    lines.push(["service.released", `${short(name)} is no longer left out`]);
  return lines;
}

const healthText = (name: string, service: Service): string => {
  const reason = service.endpoints.find((each) => each.health === "down")?.reason;
  if (service.health === "up") return `${short(name)} is up`;
  return `${short(name)} is ${service.health}${reason === undefined ? "" : `: ${reason}`}`;
};

/** What people call the difference between two pictures of the parts. */
export function partLines(
  before: readonly PartStatus[],
  after: readonly PartStatus[],
): [kind: string, text: string, part: string][] {
  const old = new Map(before.map((part) => [part.name, part]));
  return after
    .filter((part) => part.state !== old.get(part.name)?.state)
    .map((part) => [
      `part.${part.state}`,
      `${part.name} is ${part.state}${part.reason === undefined ? "" : `: ${part.reason}`}`,
      part.name,
    ]);
}
