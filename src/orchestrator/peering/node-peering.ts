// The peering of this node, as `Peering` shows it: the book of peers and rules, brought to the event loop and to the sessions. What
// runs sessions is loaded when there is somebody to have one with. Changes are made one after the other: on disk, then in the
// state, then in the session; so what was confirmed is what a restart finds.

import { join } from "node:path";
import type { PeerConfig } from "#config";
import { exportRuleOf, importRuleOf } from "#config";
import type { Loop, Ports } from "#kernel";
import { CatalystError } from "#rpc";
import { type NodeName, type NodeTypes, type Rule, type Self } from "#routing";
import { type Boot, hostPort } from "../boot.ts";
import type { Store } from "../store/store.ts";
import { Book, type Configured, type PeerEntry } from "./book.ts";
import { Exports } from "./exports.ts";
import type { Peering, PeeringStatus, PeerState, RuleList, RuleState } from "./peering.ts";
import type { Running } from "./running.ts";

export interface NodePeeringOptions {
  readonly boot: Boot;
  readonly ports: Ports;
  readonly loop: Loop<NodeTypes>;
  readonly store: Pick<Store, "peering" | "savePeering">;
  readonly content: (hash: string) => string | undefined;
  /** For log and journal. */
  readonly say: (level: "info" | "warn", kind: string, text: string, node?: NodeName) => void;
}

const UNPROVEN = "nobody proves who it is (identity.mode none), for connectivity tests only";

/** Of Envoy's peer listener where none is configured: nobody answers there, and nothing is promised. */
const PEER_PORT = 10_443;

export class NodePeering implements Peering {
  readonly self: Self;
  readonly exports: Exports;
  readonly #options: NodePeeringOptions;
  readonly #book: Book;
  /** Peers from the start: of nobody else anything counts that was told in an earlier life. */
  readonly #remembered: ReadonlySet<NodeName>;
  /** `identity.mode: none`. Settled here, once, for everything between nodes. */
  readonly #unproven: boolean;
  #running: Promise<Running> | undefined;
  #open: Running | undefined;
  /** Sessions may begin. */
  #begun = false;
  #stopped = false;
  /** The change that is under way. */
  #change: Promise<unknown> = Promise.resolve();

  constructor(options: NodePeeringOptions) {
    this.#options = options;
    const { boot, loop, store } = options;
    const { names, config, paths } = boot;
    const { node, organization } = names;
    this.self = { node, organization, address: addressOf(boot) };
    this.#unproven = config.identity.mode === "none";
    this.#book = new Book({
      unproven: this.#unproven,
      node,
      organization,
      configured: configuredOf(boot),
      store,
      certsDir: paths.certsDir,
      trustFile: config.tls?.trust.file ?? `${paths.certsDir}/trust.pem`,
    });
    this.#remembered = new Set(this.#book.peers().map(({ intent }) => intent.node));
    for (const { text } of this.#book.problems) options.say("warn", "peer.trust", text);
    this.exports = new Exports(this.self, loop.view);
  }

  /** Rules, peers and what they told before the restart, in the state. No session begins yet. */
  async remember(): Promise<void> {
    await this.#rules();
    const entries = this.#book.peers();
    if (entries.length === 0 && this.#options.boot.config.control.listen === undefined) return;
    const running = await this.#opened();
    await running.identify();
    for (const entry of entries) {
      try {
        await this.#configure(running.driver, entry);
      } catch (error) {
        // One peer that cannot be is no reason for the node not to start.
        const why = error instanceof Error ? error.message : String(error);
        const text = `${entry.intent.node} is no peer: ${why}`;
        this.#book.problems.push({ text, hint: `catalyst peer show ${entry.intent.node}` });
        this.#options.say("warn", "peer.problem", text, entry.intent.node);
      }
    }
  }

  /** Sessions begin. */
  async begin(): Promise<void> {
    this.#begun = true;
    if (!this.#stopped) await this.#open?.start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await (await this.#running)?.stop();
  }

  status(): PeeringStatus {
    const { boot } = this.#options;
    const listen = boot.config.control.listen;
    const port = this.#open?.port;
    const phases = this.peers().flatMap(({ report }) => (report === undefined ? [] : [report.session.phase]));
    const established = phases.filter((phase) => phase.state === "established");
    return {
      listens: listen === undefined || port === undefined ? undefined : `${hostPort(listen).host}:${port}`,
      proven: !this.#unproven,
      peers: this.#book.peers().length,
      established: established.length,
      synced: established.filter((phase) => phase.syncedAt !== undefined).length,
      problems: [...this.#book.problems, ...(this.#open?.problems ?? [])],
    };
  }

  peers(): readonly PeerState[] {
    return this.#book.peers().map((entry) => this.#state(entry));
  }

  peer(node: NodeName): PeerState | undefined {
    const entry = this.#book.peer(node);
    return entry === undefined ? undefined : this.#state(entry);
  }

  add(peer: PeerConfig, trust?: string): Promise<PeerState> {
    return this.#changed(async () => {
      const takeBack = this.#book.add(peer, trust);
      if (takeBack === undefined) return this.#known(peer.node);
      try {
        await this.#apply(peer.node);
      } catch (error) {
        takeBack();
        // A change that cannot be leaves everything as it was, the trust of its sessions too.
        await this.#apply(peer.node);
        throw error;
      }
      return this.#known(peer.node);
    });
  }

  remove(node: NodeName): Promise<number> {
    return this.#changed(async () => {
      this.#book.remove(node);
      return await (await this.#opened()).driver.remove(node, "the peering was removed");
    });
  }

  up(node: NodeName): Promise<PeerState> {
    return this.#turned(node, undefined);
  }

  down(node: NodeName, reason: string): Promise<PeerState> {
    return this.#turned(node, reason);
  }

  async refresh(node: NodeName): Promise<PeerState> {
    const state = this.#known(node);
    if (this.#open?.driver.refresh(node) === true) return state;
    throw new CatalystError("ERR_NOT_FOUND", `there is no session with "${node}"`, {
      hint: `catalyst peer show ${node}`,
    });
  }

  rules(list: RuleList): readonly RuleState[] {
    return this.#book.rules(list);
  }

  addRule(list: RuleList, rule: Rule, before?: string): Promise<RuleState> {
    return this.#changed(async () => {
      const added = this.#book.addRule(list, rule, before);
      await this.#rules();
      return added;
    });
  }

  removeRule(list: RuleList, id: string): Promise<RuleState> {
    return this.#changed(async () => {
      const removed = this.#book.removeRule(list, id);
      await this.#rules();
      return removed;
    });
  }

  async fetchBlob(node: NodeName, hash: string): Promise<string> {
    if (this.#open !== undefined) return await this.#open.fetch(node, hash);
    throw new CatalystError("ERR_NOT_FOUND", `there is no session with "${node}"`);
  }

  #turned(node: NodeName, reason: string | undefined): Promise<PeerState> {
    return this.#changed(async () => {
      this.#book.down(node, reason);
      await this.#apply(node);
      return this.#known(node);
    });
  }

  #changed<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#change.then(change);
    // The one who asked hears of a failure; the next change does not.
    this.#change = done.catch(() => {});
    return done;
  }

  async #apply(node: NodeName): Promise<void> {
    const entry = this.#book.peer(node);
    if (entry === undefined) return;
    const { driver } = await this.#opened();
    await this.#configure(driver, entry);
  }

  async #rules(): Promise<void> {
    const { loop, say } = this.#options;
    const { problems } = await loop.submit({ kind: "rules.set", rules: this.#book.lists() });
    for (const { text, subject } of problems) say("warn", "rule.problem", text, subject);
  }

  async #configure(driver: Running["driver"], { intent, trust }: PeerEntry): Promise<void> {
    const { node, organization, kind } = intent;
    const external = kind === "external";
    const known = trust !== undefined || this.#unproven;
    await driver.configure(intent, known ? { node, organization, trust, external } : undefined);
  }

  #opened(): Promise<Running> {
    this.#running ??= this.#run();
    return this.#running;
  }

  async #run(): Promise<Running> {
    const { ports, loop, boot, content } = this.#options;
    const { node, organization, dataDir } = boot.names;
    const { control, tls } = boot.config;
    const unproven = this.#unproven;
    if (unproven) this.#options.say("warn", "peer.unproven", `peers are believed by name: ${UNPROVEN}`);
    const module = await import("./running.ts");
    const running = await module.Running.open({
      ports,
      loop,
      exports: this.exports,
      certificate: unproven ? undefined : { node, organization, dataDir, tls, clock: ports.clock },
      listen: control.listen === undefined ? undefined : hostPort(control.listen),
      // What was learned from nobody in particular is never found by a node that asks who speaks.
      file: join(dataDir, unproven ? "learned-unproven.db" : "learned.db"),
      content,
      say: unproven ? this.#sayUnproven : this.#options.say,
    });
    this.#open = running;
    running.keepOnly(this.#remembered);
    if (this.#begun) await running.start();
    return running;
  }

  /** No session begins without a word that nobody proved anything. */
  readonly #sayUnproven: NodePeeringOptions["say"] = (level, kind, text, node) => {
    if (kind === "peer.up") this.#options.say("warn", kind, `${text}; ${UNPROVEN}`, node);
    else this.#options.say(level, kind, text, node);
  };

  #known(node: NodeName): PeerState {
    const state = this.peer(node);
    if (state !== undefined) return state;
    throw new CatalystError("ERR_NOT_FOUND", `no peer "${node}"`, { hint: "catalyst peer list" });
  }

  #state({ intent, owner }: PeerEntry): PeerState {
    const { node } = intent;
    const driver = this.#open?.driver;
    const link = driver?.connection(node)?.link;
    return {
      intent,
      owner,
      report: driver?.report(node),
      limit: driver?.limit(node),
      remote: link?.remote,
      certificateEnds: link?.notAfter,
    };
  }
}

function configuredOf({ config, owners }: Boot): Configured {
  const unknown = { kind: "config", file: "the configuration", line: 0 } as const;
  return {
    peers: config.peers.map((peer, i) => ({ peer, owner: owners.peers[i] ?? unknown })),
    imports: config.imports.map((rule, i) => ({
      rule: importRuleOf(rule),
      owner: owners.imports[i] ?? unknown,
    })),
    exports: config.exports.map((rule, i) => ({
      rule: exportRuleOf(rule),
      owner: owners.exports[i] ?? unknown,
    })),
  };
}

/** Where other nodes' Envoys find ours. */
function addressOf({ config, names }: Boot): string {
  const { peer, control } = config;
  if (peer.advertise !== undefined) return peer.advertise;
  // Who listens at every address says where it is found (`config/check-peering.ts`).
  if (peer.listen !== undefined) return peer.listen;
  const host = control.advertise === undefined ? names.node : hostPort(control.advertise).host;
  return `${host}:${PEER_PORT}`;
}
