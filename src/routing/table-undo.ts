// What the route table must know to take back what was staged: one step per change, in their order. The step of the many, a path that
// came or went, is an instance of a class: an object literal that survived the load of a large table is from then on made in the old
// generation, and holds there, long dead, the paths it names.

import type { Path } from "./path.ts";
import type { PeerTerms, Received } from "./received.ts";
import type { NodeName, ServiceName } from "./service.ts";
import type { Tombstone } from "./tombstones.ts";

/** Paths of one key as they stood: one path is itself, several are an array. */
export type Chain = Path | readonly Path[] | undefined;

/** `before` gives way to `after` in the table and in the list of the peer; made before anything moves. */
export class Put {
  readonly kind = "put";
  readonly key: ServiceName;
  readonly chain: Chain;
  readonly received: Received;
  readonly before: Path | undefined;
  readonly after: Path | undefined;
  /** Where `before` stood, and the walk over the peer's paths. */
  readonly older: Path | undefined;
  readonly cursor: Path | undefined;

  constructor(
    key: ServiceName,
    chain: Chain,
    received: Received,
    before: Path | undefined,
    after: Path | undefined,
  ) {
    this.key = key;
    this.chain = chain;
    this.received = received;
    this.before = before;
    this.after = after;
    this.older = before?.older;
    this.cursor = received.cursor;
  }
}

export type Undo =
  | Put
  | {
      readonly kind: "confirm";
      readonly path: Path;
      readonly chain: Chain;
      readonly generation: number;
      readonly older: Path | undefined;
      readonly cursor: Path | undefined;
    }
  | {
      readonly kind: "walk";
      readonly received: Received;
      readonly cursor: Path;
      readonly chains: readonly Path[][];
    }
  | {
      readonly kind: "terms";
      readonly node: NodeName;
      readonly received: Received;
      readonly before: PeerTerms | undefined;
      readonly cursor: Path | undefined;
    }
  | { readonly kind: "peer"; readonly received: Received }
  | { readonly kind: "rejected"; readonly received: Received; readonly before: Received["rejected"] }
  | { readonly kind: "stone"; readonly stone: Tombstone; readonly before: Tombstone | undefined };

export function chainOf(head: Path | undefined): Chain {
  return head?.next === undefined ? head : listOf(head);
}

export function listOf(head: Path | undefined): Path[] {
  const paths: Path[] = [];
  for (let path = head; path !== undefined; path = path.next) paths.push(path);
  return paths;
}
