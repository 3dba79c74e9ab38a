// Whether the Envoys of direct peers answer ours, as our own Envoy sees it: it checks every next hop once a second over the very
// connections that requests take, so nothing more is sent and nothing more is believed than what traffic meets. Asked once a
// second, over the clusters towards peers alone; said only when it changed for some time, so that a flapping peer moves no routes.
// Invariant: no answer of the own Envoy says nothing about any peer.

import type { Clock } from "#kernel";
import type { Health, NodeName } from "#routing";

/** Readings in a row until a state is believed; the first good one of an unknown peer is enough. */
const NEEDED: Readonly<Record<Health, number>> = { up: 3, down: 2, unknown: 10 };
const INTERVAL_MS = 1_000;
/** Clusters of next hops are named so (src/envoy/translate/peering-names.ts). */
const PREFIX = "paths:";

export interface ReachOptions {
  readonly clock: Pick<Clock, "after">;
  /** Asks the own Envoy's admin socket. */
  readonly ask: (path: string) => Promise<{ readonly status: number; readonly body: string }>;
  readonly tell: (peer: NodeName, reach: Health) => void;
}

interface Seen {
  state: Health;
  /** What the last readings said, when it is not the state. */
  next: Health;
  count: number;
}

export class Reach {
  readonly #options: ReachOptions;
  readonly #peers = new Map<NodeName, Seen>();
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(options: ReachOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#stopped || this.#cancel !== undefined) return;
    this.#cancel = this.#options.clock.after(INTERVAL_MS, () => void this.#turn());
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  /** Never rejects. */
  async #turn(): Promise<void> {
    const readings = await this.#read();
    this.#cancel = undefined;
    if (this.#stopped) return;
    if (readings !== undefined) this.#take(readings);
    this.start();
  }

  async #read(): Promise<ReadonlyMap<NodeName, Health> | undefined> {
    try {
      const path = `/clusters?format=json&filter=${encodeURIComponent(`^${PREFIX}`)}`;
      const { status, body } = await this.#options.ask(path);
      return status === 200 ? readingsIn(JSON.parse(body)) : undefined;
    } catch {
      // The own Envoy is away or starting, which the supervisor sees and tells.
      return undefined;
    }
  }

  #take(readings: ReadonlyMap<NodeName, Health>): void {
    for (const node of readings.keys())
      if (!this.#peers.has(node)) this.#peers.set(node, { state: "unknown", next: "unknown", count: 0 });
    for (const [node, seen] of this.#peers) {
      const reading = readings.get(node) ?? "unknown";
      seen.count = reading === seen.next ? seen.count + 1 : 1;
      seen.next = reading;
      const first = seen.state === "unknown" && reading === "up";
      if (reading !== seen.state && (first || seen.count >= NEEDED[reading])) {
        seen.state = reading;
        this.#options.tell(node, reading);
      }
      if (seen.state === "unknown" && reading === "unknown") this.#peers.delete(node);
    }
  }
}

/** By node; one that answers on one of its ways is up. Envoy's words: envoy.admin.v3.Clusters in its JSON form. */
function readingsIn(answer: unknown): ReadonlyMap<NodeName, Health> {
  const found = new Map<NodeName, Health>();
  for (const cluster of listIn(answer, "cluster_statuses")) {
    const name = textIn(cluster, "name");
    if (!name.startsWith(PREFIX)) continue;
    const nodes = name.slice(PREFIX.length).split(",");
    for (const host of listIn(cluster, "host_statuses")) {
      const node = nodes[numberIn(host, "priority")];
      const health = healthOf(valueIn(host, "health_status"));
      if (node !== undefined && health !== undefined && found.get(node) !== "up") found.set(node, health);
    }
  }
  return found;
}

/** Undefined before its first check. */
function healthOf(status: unknown): Health | undefined {
  if (valueIn(status, "pending_active_hc") === true) return undefined;
  const failed = ["failed_active_health_check", "failed_outlier_check"].some(
    (name) => valueIn(status, name) === true,
  );
  return failed ? "down" : "up";
}

const valueIn = (from: unknown, name: string): unknown =>
  typeof from === "object" && from !== null && name in from
    ? (from as Readonly<Record<string, unknown>>)[name]
    : undefined;

const listIn = (from: unknown, name: string): readonly unknown[] => {
  const value = valueIn(from, name);
  return Array.isArray(value) ? value : [];
};

const textIn = (from: unknown, name: string): string => {
  const value = valueIn(from, name);
  return typeof value === "string" ? value : "";
};

const numberIn = (from: unknown, name: string): number => {
  const value = valueIn(from, name);
  return typeof value === "number" ? value : 0;
};
