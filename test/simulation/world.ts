// Runs one scenario: builds the nodes, lets the faults happen, watches what must hold after every step, mends everything, waits, and
// compares the network at rest with the oracle. Nothing random but what the seed gives, so a run can be repeated exactly.

import { detailsOf, notice, type PeerIntent, type Route, type Rule } from "#routing";
import { peerSchema } from "#rpc";
import { seeded } from "../kit/virtual-clock.ts";
import { Agenda } from "./agenda.ts";
import type { Bug } from "./bugs.ts";
import { type Connection, Network } from "./network.ts";
import { type Kept, type Message, SimNode } from "./node.ts";
import { restProblems } from "./rest.ts";
import { type Fault, orgOf, type Scenario } from "./scenario.ts";

const { readFrame } = await peerSchema();

const START = 1_700_000_000_000;
const LEASE_MS = 3_600_000;
/** After the last fault: longest hold and send-hold, the longest pause between dials, a first synchronisation, two comparisons. */
const SETTLE_MS = 200_000;
const DISK_MS = 2_000;
/** From when a node says that it is about to stop until it does. */
const LEAVE_MS = 700;
const ROUTES_MAX = 200;
/** Most steps are pings, which change nothing. */
const CHECK_EVERY = 4;

export interface Outcome {
  readonly seed: number;
  /** Empty = the run is good. */
  readonly problems: readonly string[];
  readonly repairs: number;
  readonly messages: number;
  /** Of these, frames of routes. */
  readonly frames: number;
  /** And in these, routes and withdrawals. */
  readonly told: number;
  readonly unique: boolean;
}

interface OwnService {
  readonly route: Omit<Route, "version"> & { readonly scope: "organization" | "direct" | "transitive" };
  up: boolean;
  offered: boolean;
}

export class World {
  readonly scenario: Scenario;
  readonly agenda = new Agenda(START);
  readonly network: Network;
  readonly nodes = new Map<string, SimNode>();
  readonly denied = { imports: new Map<string, Set<string>>(), exports: new Map<string, Set<string>>() };
  readonly problems: string[] = [];
  /** Links whose peering one side's operator took down. */
  readonly down = new Set<number>();
  readonly bug: Bug | undefined;
  readonly #random;
  readonly #services: OwnService[];
  readonly #versions = new Map<string, { epoch: number; seq: number }>();
  readonly #disks = new Map<string, Map<string, Kept>>();
  readonly #honest: boolean;
  readonly #had = new Set<string>();
  #lives = 0;
  #repairs = 0;

  constructor(scenario: Scenario, bug?: Bug) {
    this.scenario = scenario;
    this.bug = bug;
    this.#random = seeded(scenario.seed ^ 0x5bd1e995);
    this.#honest = !scenario.faults.some(({ kind }) => kind === "lie");
    this.network = new Network(this.agenda, this.#random, {
      life: (node) => this.nodes.get(node)?.life,
      receive: (node, connection, message) => this.#receive(node, connection, message as Message),
      closed: (node, connection) => this.#awake(node, (one) => one.closed(connection)),
    });
    for (const { a, b, delayMs } of scenario.links) {
      this.network.links.push({ a, b, delayMs, cut: [false, false] });
    }
    for (const node of scenario.nodes) {
      this.denied.imports.set(node, new Set());
      this.denied.exports.set(node, new Set());
    }
    this.#services = scenario.services.map(({ node, key, scope }) => ({
      up: true,
      offered: true,
      route: {
        key,
        protocol: "http",
        origin: node,
        orgPath: [orgOf(node)],
        nodePath: [node],
        nextHop: node,
        nextHopAddress: `${node}:10443`,
        scope,
        cost: 0,
        notAfter: START + LEASE_MS,
        health: "up",
        details: detailsOf({}),
      },
    }));
  }

  run(): Outcome {
    const { scenario, agenda } = this;
    const lossy = scenario.lossy || this.bug === "no-sequence" || this.bug === "no-sequence-no-digest";
    if (lossy) {
      const ordered = this.bug !== undefined;
      this.network.trouble = ordered
        ? { loss: 0.05, twice: 0, exchange: 0 }
        : { loss: 0.01, twice: 0.005, exchange: 0.005 };
    }
    for (const node of scenario.nodes) this.#start(node);
    for (const fault of scenario.faults) agenda.at(START + fault.at, () => this.#befall(fault));
    this.#writeDisks();
    const check = () => this.#checkBounds();
    agenda.runUntil(START + scenario.forMs, check);
    this.#mend();
    agenda.runUntil(agenda.now + SETTLE_MS, check);
    for (const node of this.nodes.values()) this.#countRepairs(node);
    const { problems, unique } = restProblems(this);
    this.problems.push(...problems);
    if (!lossy && this.#honest && this.#repairs > 0) {
      this.problems.push(`digests repaired ${this.#repairs} buckets in a run without loss`);
    }
    const { seed } = scenario;
    const { messages, frames, told } = this.network;
    const [first, repairs] = [this.problems.slice(0, 20), this.#repairs];
    return { seed, problems: first, repairs, messages, frames, told, unique };
  }

  /** What a node offers itself, now. */
  own(node: string): Route[] {
    const routes: Route[] = [];
    for (const { route, offered, up } of this.#services) {
      if (route.origin !== node || !offered) continue;
      const version = this.#versions.get(`${node} ${route.key}`) ?? { epoch: 0, seq: 0 };
      routes.push({ ...route, version, health: up ? "up" : "down" });
    }
    return routes;
  }

  #start(name: string): void {
    this.#lives += 1;
    const epoch = this.agenda.now;
    for (const { route } of this.#services) {
      if (route.origin === name) this.#versions.set(`${name} ${route.key}`, { epoch, seq: 1 });
    }
    const node = new SimNode({
      name,
      organization: orgOf(name),
      life: this.#lives,
      intents: this.#intents(name),
      imports: this.#rules("imports", name),
      exports: this.#rules("exports", name),
      services: this.own(name),
      disk: this.#disks.get(name) ?? new Map(),
      bug: this.bug,
      agenda: this.agenda,
      network: this.network,
      random: this.#random,
      readFrame,
      broken: (what) => this.problems.push(what),
      rejected: (at, peer, key, reason) => {
        // An honest neighbour keeps to roles and scope; loops and late words are the receiver's daily business.
        const never = ["leak", "scope", "origin-forged", "not-first", "next-hop", "form", "budget"];
        if (this.#honest && never.includes(reason)) {
          this.problems.push(`${at} was told ${key} by ${peer}: ${reason}`);
        }
      },
    });
    this.nodes.set(name, node);
  }

  #intents(name: string): PeerIntent[] {
    return this.scenario.links.flatMap((link, at): PeerIntent[] => {
      if (link.a !== name && link.b !== name) return [];
      return [this.#intent(at, name)];
    });
  }

  #intent(at: number, name: string): PeerIntent {
    const link = this.scenario.links[at];
    if (link === undefined) throw new Error(`no link ${at}`);
    const isA = link.a === name;
    const node = isA ? link.b : link.a;
    const mirrored =
      link.role === "customer" ? "provider" : link.role === "provider" ? "customer" : link.role;
    const dials = link.dials === "both" || link.dials === (isA ? "a" : "b");
    return {
      node,
      organization: orgOf(node),
      kind: link.role === "internal" ? "internal" : "external",
      role: isA ? link.role : mirrored,
      onLoss: this.scenario.onLoss,
      limits: { routes: ROUTES_MAX, rate: 1_000, bytes: 1 << 20, pathLength: 16 },
      ...(dials ? { address: `${node}:7443` } : {}),
      // The peering is taken down at its first end only.
      ...(this.down.has(at) && isA ? { adminDown: { reason: "by the scenario" } } : {}),
    };
  }

  #rules(side: "imports" | "exports", node: string): Rule[] {
    const denied = [...(this.denied[side].get(node) ?? [])].sort();
    const external = (key: string): Rule[] =>
      (["provider", "customer", "lateral"] as const).map((role) => ({
        match: { key, role },
        action: "reject",
      }));
    const all: Rule[] = (["provider", "customer", "lateral"] as const).map((role) => ({
      match: { role, origin: "*" },
      action: "accept",
      ...(side === "exports" ? { set: { scope: "transitive" } } : {}),
    }));
    return [...denied.flatMap(external), ...all];
  }

  #receive(node: string, connection: Connection, message: Message): void {
    this.#awake(node, (one) => one.receive(connection, message));
  }

  /** A stopped process takes what came when it goes on. */
  #awake(name: string, run: (node: SimNode) => void): void {
    const node = this.nodes.get(name);
    if (node === undefined) return;
    if (node.stalledUntil <= this.agenda.now) return run(node);
    this.agenda.at(node.stalledUntil, () => !node.dead && this.#awake(name, run));
  }

  #befall(fault: Fault): void {
    const { agenda, network } = this;
    switch (fault.kind) {
      case "service.change":
      case "service.end":
      case "service.new":
        return this.#change(fault.service, fault.kind);
      case "cut": {
        const link = network.links[fault.link];
        if (link === undefined) return;
        link.cut = [true, fault.both];
        return agenda.at(agenda.now + fault.forMs, () => network.mend(link));
      }
      case "reset": {
        const link = network.links[fault.link];
        if (link !== undefined) network.reset(link);
        return;
      }
      case "slow": {
        const link = network.links[fault.link];
        if (link === undefined) return;
        link.delayMs = fault.delayMs;
        const back = this.scenario.links[fault.link]?.delayMs ?? 1;
        return agenda.at(agenda.now + fault.forMs, () => (link.delayMs = back));
      }
      case "crash":
        return this.#crash(fault);
      case "stall": {
        const node = this.nodes.get(fault.node);
        if (node !== undefined) node.stalledUntil = agenda.now + fault.forMs;
        return;
      }
      case "stop":
        return this.#stop(fault);
      case "rules":
        return this.#changeRules(fault.node, fault.side, fault.key);
      case "down":
      case "up":
        return this.#takeDown(fault.link, fault.kind === "down");
      case "lie":
        return this.#lie(fault.link, fault.how);
    }
  }

  #change(at: number, kind: "service.change" | "service.end" | "service.new"): void {
    const service = this.#services[at];
    if (service === undefined) return;
    const { origin, key } = service.route;
    const id = `${origin} ${key}`;
    const version = this.#versions.get(id) ?? { epoch: 0, seq: 0 };
    const next = { ...version, seq: version.seq + 1 };
    if (kind === "service.new") service.offered = true;
    else if (!service.offered) return;
    else if (kind === "service.change") service.up = !service.up;
    else service.offered = false;
    this.#versions.set(id, next);
    this.#awake(origin, (node) => {
      const { now } = this.agenda;
      // By the time a stopped process goes on, the service may have changed again.
      const route = this.own(origin).find((one) => one.key === key);
      if (route === undefined) node.event({ kind: "own.end", at: now, key, version: next });
      else node.event({ kind: "own", at: now, route });
    });
  }

  #crash({ node: name, silent, forMs, disk }: Extract<Fault, { kind: "crash" }>): void {
    const node = this.nodes.get(name);
    if (node === undefined) return;
    this.#countRepairs(node);
    if (disk === "whole") this.#disks.set(name, node.keep());
    else if (disk === "torn" || disk === "none") this.#disks.delete(name);
    node.dead = true;
    this.nodes.delete(name);
    this.network.die(name, silent);
    this.agenda.at(this.agenda.now + forMs, () => {
      if (!this.nodes.has(name)) this.#start(name);
    });
  }

  /** Left first, last words to all, and an end in order. */
  #stop({ node: name, forMs }: Extract<Fault, { kind: "stop" }>): void {
    const { agenda } = this;
    this.#awake(name, (node) => {
      node.leave();
      // A process that is held meanwhile ends when it goes on.
      const end = (one: SimNode): void => {
        if (one !== node) return;
        node.input({ kind: "drain", notice: notice("draining", "it stops", { afterMs: 1_000 }) });
        this.#crash({ at: agenda.now, kind: "crash", node: name, silent: false, forMs, disk: "whole" });
      };
      agenda.at(agenda.now + LEAVE_MS, () => !node.dead && this.#awake(name, end));
    });
  }

  #changeRules(name: string, side: "imports" | "exports", key: string): void {
    const denied = this.denied[side].get(name);
    if (denied === undefined) return;
    if (!denied.delete(key)) denied.add(key);
    this.#awake(name, (node) => {
      const rules = this.#rules(side, name);
      if (side === "exports") node.setExports(rules);
      else node.event({ kind: "imports", at: this.agenda.now, rules });
    });
  }

  #takeDown(at: number, down: boolean): void {
    const link = this.scenario.links[at];
    if (link === undefined) return;
    if (down) this.down.add(at);
    else this.down.delete(at);
    this.#awake(link.a, (node) => node.input({ kind: "configure", intent: this.#intent(at, link.a) }));
  }

  #lie(at: number, how: "schema" | "limit" | "forged" | "replay"): void {
    const link = this.scenario.links[at];
    const liar = this.nodes.get(link?.a ?? "");
    if (link === undefined || liar === undefined) return;
    const phase = liar.speaker.report(link.b)?.session.phase;
    const seq = phase?.state === "established" ? phase.sentSeq : 0;
    const routes = Array.from({ length: 501 }, () => ({ key: "x" }));
    const update = { kind: "update", withdraw: [], ways: [], details: [], advertise: [] };
    switch (how) {
      case "schema":
        return liar.lie(link.b, { kind: "raw", seq: seq + 1, value: { ...update, withdraw: 7 }, routes: 0 });
      case "limit": {
        const value = { ...update, advertise: routes };
        return liar.lie(link.b, { kind: "raw", seq: seq + 1, value, routes: routes.length });
      }
      case "replay":
        return liar.lie(link.b, { kind: "raw", seq, value: update, routes: 0 });
      case "forged":
        liar.forged = [forgery(link.a, "stolen.hooli.test", orgOf(link.a))];
    }
  }

  /** Everything works again; who was dead lives. */
  #mend(): void {
    this.network.trouble = { loss: 0, twice: 0, exchange: 0 };
    for (const [at, link] of this.network.links.entries()) {
      this.network.mend(link);
      link.delayMs = this.scenario.links[at]?.delayMs ?? 1;
    }
    for (const name of this.scenario.nodes) {
      const node = this.nodes.get(name);
      if (node === undefined) this.#start(name);
      else node.stalledUntil = Math.min(node.stalledUntil, this.agenda.now);
    }
  }

  #writeDisks(): void {
    for (const [name, node] of this.nodes) this.#disks.set(name, node.keep());
    this.agenda.at(this.agenda.now + DISK_MS, () => this.#writeDisks());
  }

  #countRepairs(node: SimNode): void {
    for (const { node: peer } of this.#intents(node.name)) {
      this.#repairs += node.speaker.report(peer)?.repairs ?? 0;
    }
  }

  #turns = 0;

  /** What must hold at every moment. Looked at in turns: one node every few steps. */
  #checkBounds(): void {
    for (const { node, key } of this.scenario.keeps ?? []) {
      const has = this.nodes.get(node)?.tables.table.best(key) !== undefined;
      if (has) this.#had.add(`${node} ${key}`);
      else if (this.#had.has(`${node} ${key}`)) this.problems.push(`${node} lost ${key}`);
    }
    for (const { node, key } of this.scenario.reaches ?? []) {
      if (this.#reaches(node, key)) this.#had.add(`${node} ${key}`);
      else if (this.#had.has(`${node} ${key}`)) this.problems.push(`${node} has no way to ${key}`);
    }
    this.#turns += 1;
    if (this.#turns % CHECK_EVERY !== 0) return;
    const turn = this.#turns / CHECK_EVERY;
    const node = this.nodes.get(this.scenario.nodes[turn % this.scenario.nodes.length] ?? "");
    if (node === undefined || this.problems.length > 0) return;
    const { now } = this.agenda;
    const broken = (what: string) => this.problems.push(`${node.name} at ${now - START}: ${what}`);
    for (const peer of node.speaker.nodes) {
      const report = node.speaker.report(peer);
      if (report === undefined) continue;
      const { phase } = report.session;
      if (report.routes > ROUTES_MAX + 500) broken(`holds ${report.routes} routes of ${peer}`);
      if (report.inFlight > 32) broken(`${report.inFlight} frames wait for ${peer}`);
      if (phase.state === "idle" && phase.waits === "retry" && phase.retryAt === undefined) {
        broken(`waits for ever for ${peer}`);
      }
    }
    const { table } = node.tables;
    for (const key of table.keys()) {
      const best = table.best(key)?.[0];
      if (best === undefined || best.peerName === node.name) continue;
      if (best.course.nodePath.includes(node.name)) broken(`is in its own path to ${key}`);
      if (best.notAfter <= now) broken(`uses ${key} past its lease`);
      if (key.endsWith("hooli.test")) broken(`uses the forged ${key}`);
      const foreign = best.organizations > 0;
      if (best.course.scope === "node" || (best.course.scope === "organization" && foreign)) {
        broken(`was told ${key} against its scope`);
      }
    }
  }

  /** From node to node, as each of them chose. */
  #reaches(from: string, key: string): boolean {
    const passed = new Set<string>();
    for (let at: string | undefined = from; at !== undefined && !passed.has(at);) {
      passed.add(at);
      const next: string | undefined = this.nodes.get(at)?.tables.table.best(key)?.[0]?.peerName;
      if (next === at) return true;
      at = next;
    }
    return false;
  }
}

function forgery(node: string, key: string, organization: string): Route {
  return {
    key,
    protocol: "http",
    origin: node,
    version: { epoch: 1, seq: 1 },
    orgPath: [organization],
    nodePath: [node],
    nextHop: node,
    nextHopAddress: `${node}:10443`,
    scope: "transitive",
    cost: 0,
    notAfter: START + LEASE_MS,
    health: "up",
    details: detailsOf({}),
  };
}

export const simulate = (scenario: Scenario, bug?: Bug): Outcome => new World(scenario, bug).run();
