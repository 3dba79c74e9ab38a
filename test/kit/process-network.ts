// A network of node processes, for scenarios and for the figures between nodes: started, joined by sessions over mutual TLS, told
// what to do, and listened to. All of one organization; every process and folder ends with `stop`.

import { type ChildProcess, fork } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createOrganizationCa, issueNodeCertificate, type OrganizationCa } from "#auth";
import { systemClock } from "#rpc";
import type { Count, News, Order } from "./process-node.ts";

const ORGANIZATION = "acme.test";
const PROGRAM = new URL("./process-node.ts", import.meta.url).pathname;
const WITHIN_MS = 60_000;

export type Routes = Extract<News, { kind: "routes" }>;
type Session = Extract<News, { kind: "session" }>;

export const monotonic = (): number => Number(process.hrtime.bigint()) / 1e6;

/** Asks again and again; fails with what it waited for. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = WITHIN_MS,
): Promise<void> {
  const end = monotonic() + withinMs;
  while (!(await holds())) {
    if (monotonic() > end) throw new Error(`did not happen within ${withinMs / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export class ProcessNode {
  readonly name: string;
  readonly full: string;
  /** All that it told of its table and its sessions, in order. */
  readonly routes: Routes[] = [];
  readonly sessions: Session[] = [];
  /** The table as its news make it: name, and the node by which it is reached. */
  readonly table = new Map<string, string>();
  /** Who offers what is in the table, in the order of use. */
  readonly origins = new Map<string, readonly string[]>();
  readonly #dir: string;
  readonly #ca: OrganizationCa;
  readonly #counts = new Map<number, (count: Count) => void>();
  #child: ChildProcess | undefined;
  #asked = 0;
  port = 0;

  constructor(name: string, dir: string, ca: OrganizationCa) {
    this.name = name;
    this.full = `${name}.${ORGANIZATION}`;
    this.#dir = dir;
    this.#ca = ca;
  }

  async start(): Promise<void> {
    const trust = Buffer.from(this.#ca.certificatePem).toString("base64");
    const child = fork(PROGRAM, [this.full, this.#dir, trust], {
      execArgv: ["--disable-warning=ExperimentalWarning"],
      serialization: "advanced",
    });
    this.#child = child;
    this.table.clear();
    this.origins.clear();
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    child.on("message", (news: News) => {
      if (news.kind === "ready") resolve(news.port);
      else this.#hear(news);
    });
    child.once("exit", () => reject(new Error(`${this.name} ended before it was ready`)));
    this.port = await promise;
  }

  say(order: Order): void {
    this.#child?.send(order);
  }

  async count(): Promise<Count> {
    const id = (this.#asked += 1);
    const { promise, resolve } = Promise.withResolvers<Count>();
    this.#counts.set(id, resolve);
    this.say({ do: "count", id });
    return await promise;
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }

  #hear(news: Exclude<News, { kind: "ready" }>): void {
    if (news.kind === "session") this.sessions.push(news);
    else if (news.kind === "count") {
      this.#counts.get(news.id)?.(news.count);
      this.#counts.delete(news.id);
    } else {
      this.routes.push(news);
      for (const [name, via, origins] of news.changes) {
        if (via === undefined) this.table.delete(name);
        else this.table.set(name, via);
        this.origins.set(name, origins);
      }
    }
  }
}

export class ProcessNetwork {
  readonly nodes: readonly ProcessNode[];
  readonly links: readonly (readonly [number, number])[];
  readonly #dir: string;

  /** Both ends dial. Resolves when every session is synced. */
  static async start(names: readonly string[], links: ProcessNetwork["links"]): Promise<ProcessNetwork> {
    const dir = mkdtempSync(join(tmpdir(), "catalyst-network-"));
    const ca = await createOrganizationCa({ dataDir: dir, organization: ORGANIZATION, clock: systemClock });
    const nodes: ProcessNode[] = [];
    for (const name of names) {
      const dataDir = join(dir, name);
      mkdirSync(join(dataDir, "certs"), { recursive: true });
      await issueNodeCertificate({ dataDir, node: `${name}.${ORGANIZATION}`, ca, clock: systemClock });
      nodes.push(new ProcessNode(name, dataDir, ca));
    }
    const network = new ProcessNetwork(dir, nodes, links);
    await Promise.all(nodes.map(async (node) => await node.start()));
    for (const node of nodes) network.join(node);
    const synced = (): number => nodes.flatMap(({ sessions }) => sessions.filter(isSynced)).length;
    await until("all sessions are synced", () => synced() >= links.length * 2);
    return network;
  }

  private constructor(dir: string, nodes: readonly ProcessNode[], links: ProcessNetwork["links"]) {
    this.#dir = dir;
    this.nodes = nodes;
    this.links = links;
  }

  /** Tells a node its peers, with their addresses of now. */
  join(node: ProcessNode): void {
    for (const peer of this.peersOf(node)) node.say({ do: "peer", node: peer.full, port: peer.port });
  }

  peersOf(node: ProcessNode): ProcessNode[] {
    const at = this.nodes.indexOf(node);
    return this.links.flatMap(([a, b]) => {
      const other = a === at ? b : b === at ? a : undefined;
      const found = other === undefined ? undefined : this.nodes[other];
      return found === undefined ? [] : [found];
    });
  }

  async counts(): Promise<Count[]> {
    return await Promise.all(this.nodes.map(async (node) => await node.count()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map(async (node) => await node.kill()));
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

const isSynced = ({ what }: Session): boolean => what === "peer.synced";

export const line = (count: number): (readonly [number, number])[] =>
  Array.from({ length: count - 1 }, (_, i) => [i, i + 1]);
export const ring = (count: number): (readonly [number, number])[] =>
  Array.from({ length: count }, (_, i) => [i, (i + 1) % count]);
export const mesh = (count: number): (readonly [number, number])[] =>
  Array.from({ length: count }, (_, i) => i).flatMap((a) =>
    Array.from({ length: count - a - 1 }, (_, j): readonly [number, number] => [a, a + 1 + j]),
  );
/** A tree, and half as many links again; the same for the same seed. */
export function random(count: number, seed: number): (readonly [number, number])[] {
  let state = seed;
  const below = (most: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * most);
  };
  const links = new Map<string, readonly [number, number]>();
  for (let i = 1; i < count; i++) links.set(`${i}`, [below(i), i]);
  const has = (a: number, b: number): boolean => [...links.values()].some(([x, y]) => x === a && y === b);
  while (links.size < Math.floor(count * 1.5)) {
    const [a, b] = [below(count), below(count)];
    if (a < b && !has(a, b)) links.set(`${a}-${b}`, [a, b]);
  }
  return [...links.values()];
}
