// A node's loop with the driver of its sessions, on links in memory: everything of peering but sockets, files and verbs. Names are
// "a.acme.test"; each node listens at its own name. Time is the net's virtual clock.

import { Loop } from "#kernel";
import { type NodeName, type NodeTypes, type PeerIntent, type Rule, type RuleLists, State } from "#routing";
import { Driver } from "../../src/orchestrator/peering/driver.ts";
import { Exports } from "../../src/orchestrator/peering/exports.ts";
import { LearnedStore } from "../../src/orchestrator/peering/learned-store.ts";
import { openFrameReader } from "../../src/orchestrator/peering/wire/frames.ts";
import { builtInPlugins } from "../../src/orchestrator/plugins/index.ts";
import { intent as serviceIntent } from "./node-loop.ts";
import type { PeerNet } from "./peer-net.ts";
import { seeded, settle } from "./virtual-clock.ts";

export const organizationOf = (node: NodeName): string => node.slice(node.indexOf(".") + 1);
const reader = await openFrameReader();

/** As `of` sees the other; with an address, so that both dial. */
export function peering(of: NodeName, node: NodeName, rest: Partial<PeerIntent> = {}): PeerIntent {
  const organization = organizationOf(node);
  const inside = organization === organizationOf(of);
  return {
    node,
    organization,
    kind: inside ? "internal" : "external",
    role: inside ? "internal" : "lateral",
    address: `${node}:7443`,
    onLoss: "depreference",
    limits: { routes: 10_000, rate: 100_000, bytes: 1 << 24, pathLength: 16 },
    ...rest,
  };
}

export class PeerNode {
  readonly name: NodeName;
  readonly loop: Loop<NodeTypes>;
  readonly driver: Driver;
  readonly wire: ReturnType<PeerNet["wire"]>;
  readonly net: PeerNet;
  readonly learned: LearnedStore | undefined;
  /** A test may put something else in its place. */
  decode = reader.decodeFrame.bind(reader);
  readonly said: string[] = [];
  readonly errors: string[] = [];

  constructor(net: PeerNet, name: NodeName, options: { file?: string; seed?: number } = {}) {
    this.net = net;
    this.name = name;
    const { clock } = net;
    const error = (fields: object, text: string): void =>
      void this.errors.push(`${text} ${JSON.stringify(fields)}`);
    const ports = {
      clock,
      random: seeded(options.seed ?? name.length),
      log: { debug() {}, info() {}, warn() {}, error },
    };
    this.loop = new Loop<NodeTypes>({
      store: new State(name),
      plugins: builtInPlugins(),
      ports,
      schedule: (run) => void setImmediate(run),
    });
    this.wire = net.wire(name);
    const decode: PeerNode["decode"] = (head, bytes) => this.decode(head, bytes);
    this.learned =
      options.file === undefined
        ? undefined
        : new LearnedStore({ ...ports, file: options.file, view: this.loop.view, decode });
    const exports = new Exports(
      { node: name, organization: organizationOf(name), address: `${name}:10443` },
      this.loop.view,
    );
    this.driver = new Driver({
      ...ports,
      loop: this.loop,
      wire: this.wire,
      decode,
      encodings: ["zstd", "identity"],
      exports,
      learned: this.learned,
      blob: () => Promise.reject(new Error("no content")),
      keys: async () => ({ keys: [] }),
      say: (level, kind, text) => void this.said.push(`${level} ${kind}: ${text}`),
    });
    this.learned?.standingBy((node) => this.driver.standing(node));
  }

  async listen(): Promise<this> {
    await this.wire.listen({ host: this.name, port: 7443 }, this.driver.knock);
    this.driver.start();
    return this;
  }

  async peer(node: NodeName, rest: Partial<PeerIntent> = {}): Promise<void> {
    const intent = peering(this.name, node, rest);
    const { organization, kind } = intent;
    const done = this.driver.configure(intent, {
      node,
      organization,
      trust: "",
      external: kind === "external",
    });
    await Promise.all([done, settle()]);
  }

  async rules(rules: Partial<RuleLists>): Promise<void> {
    const done = this.loop.submit({ kind: "rules.set", rules: { imports: [], exports: [], ...rules } });
    await Promise.all([done, settle()]);
  }

  /** An own service, up; offered to direct peers. */
  async offer(short: string, rest: Parameters<typeof serviceIntent>[1] = {}): Promise<void> {
    const name = `${short}.${organizationOf(this.name)}`;
    const url = `http://127.0.0.1:5001`;
    this.loop.push({
      kind: "service.add",
      intent: serviceIntent(name, { export: true, endpoints: [url], ...rest }),
    });
    this.loop.push({ kind: "probe.result", service: name, endpoint: url, ok: true });
    await settle();
  }

  async drop(short: string): Promise<void> {
    const name = `${short}.${organizationOf(this.name)}`;
    this.loop.push({ kind: "service.remove", name, owner: "admin" });
    await settle();
  }

  /** Names of the peers by which a service is reached, best first. */
  best(key: string): readonly NodeName[] | undefined {
    return this.loop.view.routes.best(key)?.map(({ peerName }) => peerName);
  }

  state(node: NodeName): string | undefined {
    const session = this.driver.report(node)?.session;
    if (session?.phase.state !== "established") return session?.phase.state;
    return session.phase.syncedAt === undefined ? "syncing" : "synced";
  }

  /** As a process that is killed: no last words, and nothing that is done after. */
  async kill(): Promise<void> {
    this.wire.die();
    this.learned?.close();
    await this.wire.close();
  }
}

export const ACCEPT_ALL: readonly Rule[] = [{ match: { key: "*", origin: "*" }, action: "accept" }];
