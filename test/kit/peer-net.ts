// Links between nodes in memory, under a virtual clock: what the wire promises its driver, without sockets and TLS. Every word takes a
// millisecond and arrives in order; a link can be cut (both ends hear it), or stalled (nobody hears anything). Frames
// travel as the bytes they are on the wire.

import type { Answer, NodeName, Open } from "#routing";
import {
  type DialledLink,
  type Knock,
  type LinkHandler,
  type PeerLink,
  type PeerWire,
  WireError,
  type WirePeer,
} from "../../src/orchestrator/peering/link.ts";
import type { VirtualClock } from "./virtual-clock.ts";

const LATENCY_MS = 1;

export class PeerNet {
  readonly clock: VirtualClock;
  readonly #listening = new Map<
    string,
    { readonly wire: MemoryWire; readonly knock: (knock: Knock) => LinkHandler }
  >();
  readonly links = new Set<Link>();
  /** Lives that ended: they hear nothing and reach nobody. */
  readonly dead = new Set<MemoryWire | NodeName>();
  /** Words said on all links, for tests that count. */
  frames = 0;

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }

  wire(node: NodeName): MemoryWire {
    return new MemoryWire(this, node);
  }

  listen(address: string, wire: MemoryWire, knock: (knock: Knock) => LinkHandler): void {
    this.#listening.set(address, { wire, knock });
  }

  unlisten(wire: MemoryWire): void {
    for (const [address, one] of this.#listening) if (one.wire === wire) this.#listening.delete(address);
  }

  dial(from: MemoryWire, to: NodeName, address: string, handler: LinkHandler): DialledLink {
    const there = this.#listening.get(address);
    if (there === undefined) throw new WireError("connection refused", { auth: false });
    if (!there.wire.knows(from.node)) throw new WireError("unknown to the other side", { auth: false });
    const link = new Link(this, [from.node, to]);
    this.links.add(link);
    const [near, far] = link.ends;
    near.handler = handler;
    return Object.assign(near.link, {
      open: (theirs: Open) =>
        near.ask<Answer>(
          () =>
            new Promise((resolve) => {
              far.handler = there.knock({ link: far.link, theirs, answer: resolve });
            }),
        ),
    });
  }

  /** Ends all links between two nodes, as a broken cable does that both notice. */
  cut(a: NodeName, b: NodeName): void {
    for (const link of this.#between(a, b)) link.end("connection reset");
  }

  cutAll(node: NodeName): void {
    for (const link of [...this.links]) if (link.nodes.includes(node)) link.end("connection reset");
  }

  /** From now on nothing arrives at or from this node, and nobody hears of it. */
  stall(node: NodeName, on = true): void {
    for (const link of this.links) if (link.nodes.includes(node)) link.stalled = on;
  }

  #between(a: NodeName, b: NodeName): Link[] {
    return [...this.links].filter(({ nodes }) => nodes.includes(a) && nodes.includes(b));
  }
}

class Link {
  readonly net: PeerNet;
  readonly nodes: readonly [NodeName, NodeName];
  readonly ends: readonly [End, End];
  stalled = false;
  open = true;

  constructor(net: PeerNet, nodes: readonly [NodeName, NodeName]) {
    this.net = net;
    this.nodes = nodes;
    this.ends = [new End(this, nodes[1]), new End(this, nodes[0])];
    this.ends[0].other = this.ends[1];
    this.ends[1].other = this.ends[0];
  }

  end(text: string): void {
    if (!this.open) return;
    this.open = false;
    this.net.links.delete(this);
    this.ends.forEach((end, at) => {
      if (!this.net.dead.has(this.nodes[at] ?? "")) end.ended(text);
    });
  }
}

class End {
  readonly #link: Link;
  readonly #waiting = new Set<(error: Error) => void>();
  other: End | undefined;
  handler: LinkHandler | undefined;
  readonly link: PeerLink;

  constructor(link: Link, node: NodeName) {
    this.#link = link;
    const theirs = (): LinkHandler => {
      const handler = this.other?.handler;
      if (handler === undefined) throw new Error("nobody answers");
      return handler;
    };
    this.link = {
      node,
      remote: `${node}:7443`,
      notAfter: Number.MAX_SAFE_INTEGER,
      frame: (head, bytes) => {
        link.net.frames += 1;
        return this.ask(() => theirs().frame(head, bytes.slice()));
      },
      alive: (progress) => this.ask(async () => theirs().alive(progress)),
      digest: (mark) => this.ask(() => theirs().digest(mark)),
      refresh: (buckets) => this.ask(async () => theirs().refresh(buckets)),
      blob: (hash, offset) => this.ask(() => theirs().blob(hash, offset)),
      notify: (notice) => this.ask(async () => theirs().notify(notice)),
      ping: () => {
        this.ask(async () => theirs().heard()).then(
          () => this.handler?.heard(),
          () => {},
        );
      },
      close: (text) => link.end(text),
    };
  }

  /** A question there and its answer back. */
  ask<T>(question: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.#link.open) return reject(new Error("the link ended"));
      this.#waiting.add(reject);
      const done = (then: () => void) => {
        this.#travel(() => {
          this.#waiting.delete(reject);
          then();
        });
      };
      this.#travel(() => {
        question().then(
          (answer) => done(() => resolve(answer)),
          (error: unknown) => done(() => reject(error instanceof Error ? error : new Error(String(error)))),
        );
      });
    });
  }

  ended(text: string): void {
    for (const reject of this.#waiting) reject(new Error(text));
    this.#waiting.clear();
    this.handler?.closed(text);
  }

  #travel(arrive: () => void): void {
    const link = this.#link;
    link.net.clock.after(LATENCY_MS, () => {
      if (link.open && !link.stalled) arrive();
    });
  }
}

export class MemoryWire implements PeerWire {
  readonly #net: PeerNet;
  readonly node: NodeName;
  readonly #peers = new Map<NodeName, WirePeer>();

  constructor(net: PeerNet, node: NodeName) {
    this.#net = net;
    this.node = node;
  }

  /** As a process that is killed. */
  die(): void {
    this.#net.dead.add(this);
    this.#net.dead.add(this.node);
    this.#net.cutAll(this.node);
    this.#net.dead.delete(this.node);
  }

  knows(node: NodeName): boolean {
    return this.#peers.has(node);
  }

  setPeer(peer: WirePeer): void {
    this.#peers.set(peer.node, peer);
  }

  removePeer(node: NodeName): void {
    this.#peers.delete(node);
    this.#net.cut(this.node, node);
  }

  setCertificate(): void {}

  async dial(node: NodeName, address: string, handler: LinkHandler): Promise<DialledLink> {
    await new Promise<void>((resolve) => this.#net.clock.after(LATENCY_MS, resolve));
    if (this.#net.dead.has(this)) return await new Promise(() => {});
    return this.#net.dial(this, node, address, handler);
  }

  async listen(
    { host, port }: { readonly host: string; readonly port: number },
    knock: (knock: Knock) => LinkHandler,
  ): Promise<{ readonly port: number }> {
    this.#net.listen(`${host}:${port}`, this, knock);
    return { port };
  }

  /** As a process that ends: its links are gone, and nobody listens. */
  async close(): Promise<void> {
    this.#net.unlisten(this);
    this.#net.cutAll(this.node);
  }
}
