// The orchestrator part: event loop with its plugins, the runners that make its effects true, the sessions to auth and gateway,
// the xDS server, and the doors for people (admin) and services (SDK). Everything it needs from outside comes in by `Links`,
// so that it is the same in a process of its own and beside the other parts in one.

import { setImmediate as later } from "node:timers";
import { type AuthControl, DEFAULT_GATEWAY_LIMITS, type GatewayControl, type GatewayLimits } from "#rpc";
import { type PartStatus, type Reconnecting, reconnecting, type Session } from "#rpc";
import { Loop, type Ports, type Runners } from "#kernel";
import { type Effect, type NodeTypes, State } from "#routing";
import { checks } from "../admin/checks.ts";
import { Journal, partLines } from "../admin/journal.ts";
import { PeeringAdmin } from "../admin/peering-admin.ts";
import { serveAdmin } from "../admin/serve.ts";
import { facts, status, type StatusPorts } from "../admin/status.ts";
import { verbs } from "../admin/verbs.ts";
import type { Boot } from "../boot.ts";
import { type DataPlane, openDataPlane, type PlaneGate } from "../effects/data-plane.ts";
import { Gate } from "../effects/gate.ts";
import { Graph, type GraphPeering } from "../effects/graph.ts";
import { watchKeys } from "../effects/keys.ts";
import { persistRunner } from "../effects/persist.ts";
import { Prober } from "../effects/probe/prober.ts";
import { SchemaReader } from "../effects/schema.ts";
import { intentOf } from "../intents.ts";
import { measureOrchestrator, openTelemetry } from "../measure.ts";
import { tickEverySecond } from "../loop-timer.ts";
import { serviceParser } from "../parse-service.ts";
import { NodePeering } from "../peering/node-peering.ts";
import { builtInPlugins, loadPlugins } from "../plugins/index.ts";
import { type Recorder, startRecorder } from "../recorder.ts";
import { Leases } from "../sdk/leases.ts";
import { SdkServer } from "../sdk/server.ts";
import { Blobs } from "../store/blobs.ts";
import { Store } from "../store/store.ts";

export interface Links {
  readonly auth: (signal: AbortSignal) => Promise<Session<AuthControl>>;
  readonly gateway: (signal: AbortSignal) => Promise<Session<GatewayControl>>;
  /** All parts as the supervisor sees them, and how to hear of changes. Empty where there is none (containers). */
  readonly parts: () => readonly PartStatus[];
  readonly onParts: (listener: () => void) => void;
  /** How often this part was started before in this run of the node. */
  readonly restarts: number;
}

export interface OrchestratorPart {
  readonly loop: Loop<NodeTypes>;
  /** Resolves when everything known is published and Envoy may connect. */
  readonly published: Promise<void>;
  /** Resolves when clients are let in: Envoy has taken ingress, or there is none. */
  readonly serves: Promise<void>;
  stop(): Promise<void>;
}

/** Largest answer to a schema question; a service over it is left out and says so. */
const SDL_BYTES_MAX = 2 * 1024 * 1024;
/**
 * How long a restarted orchestrator learns before it publishes, at most. Envoy and the gateway serve on meanwhile; a probe that gets
 * no answer says so within its own time, so this is for a machine that is too busy to ask.
 */
const RELEARN_MS = 15_000;
/** After the node serves: what is only made ready for later waits for the parts that still start. */
const WARM_MS = 300;
/** How long a fresh node waits for the keys of the auth part before it publishes without. */
const KEYS_MS = 5_000;

export async function startOrchestrator(boot: Boot, ports: Ports, links: Links): Promise<OrchestratorPart> {
  const part = new Orchestrator(boot, ports, links);
  await part.start();
  return part;
}

class Orchestrator implements OrchestratorPart {
  readonly #boot: Boot;
  readonly #ports: Ports;
  readonly #links: Links;
  readonly #store: Store;
  readonly #journal = new Journal();
  readonly #gate: Gate;
  readonly #prober: Prober;
  readonly #schemas: SchemaReader;
  readonly #graph: Graph;
  readonly #blobs: Blobs;
  readonly #startedAt: number;
  readonly #stops: (() => void | Promise<unknown>)[] = [];
  #loop: Loop<NodeTypes> | undefined;
  #gateway: Reconnecting<GatewayControl> | undefined;
  #auth: Reconnecting<AuthControl> | undefined;
  #plane: DataPlane | undefined;
  #recorder: Recorder | undefined;
  #sdk: SdkServer | undefined;
  #peering: NodePeering | undefined;
  #peeringAdmin: PeeringAdmin | undefined;

  constructor(boot: Boot, ports: Ports, links: Links) {
    this.#boot = boot;
    this.#ports = ports;
    this.#links = links;
    const { clock, random } = ports;
    this.#startedAt = clock.monotonic();
    this.#store = new Store(boot.paths.stateDb, () => clock.now());
    this.#blobs = new Blobs(this.#store);
    this.#gate = new Gate(clock, links.restarts > 0 ? RELEARN_MS : KEYS_MS);
    this.#prober = new Prober({ clock, random, onFirst: (key) => this.#arrived(`probe ${key}`) });
    this.#schemas = new SchemaReader({
      clock,
      random,
      read: async (url, options) => {
        const { readSchema } = await import("#gateway");
        const { sdl, kind } = await readSchema(url, { ...options, maxBytes: SDL_BYTES_MAX });
        return { ok: true, sdl, kind };
      },
      put: (sdl) => this.#blobs.put(sdl),
      onFirst: (service) => this.#arrived(`schema ${service}`),
    });
    this.#graph = new Graph({
      gateway: async (deadlineMs) => (await this.#sessions().gateway.ready(deadlineMs)).within(30_000),
      sdl: (hash) => this.#sdl(hash),
      limits: gatewayLimits(boot),
      drainMs: boot.config.drain,
      identity: boot.config.identity.mode === "none" ? "none" : "token",
      opened: this.#gate.opened,
      desired: () => this.#desired("graph"),
      ...("absent" in boot.envoy ? {} : { peering: this.#graphPeering() }),
    });
  }

  /** How the graph reaches what was learned. */
  #graphPeering(): GraphPeering {
    const { clock, random, log } = this.#ports;
    return {
      egress: this.#boot.config.egress.listen.replace(/^(0\.0\.0\.0|\[::\])(?=:)/, "127.0.0.1"),
      clock,
      random,
      log,
      put: (sdl) => this.#blobs.put(sdl),
      placed: (service) => this.loop.effects.settled("envoy.import", service),
      // Asked for once there are routes, and so sessions.
      fetch: async (node, hash) => (await this.#peering?.fetchBlob(node, hash)) ?? "",
    };
  }

  get loop(): Loop<NodeTypes> {
    if (this.#loop === undefined) throw new Error("the orchestrator has not started");
    return this.#loop;
  }

  get published(): Promise<void> {
    return this.#plane?.opened ?? this.#gate.opened;
  }

  get serves(): Promise<void> {
    return this.#plane?.serves ?? this.#gate.opened;
  }

  async start(): Promise<void> {
    try {
      await this.#open();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    // Services hear it first, so that they can go elsewhere while their node drains.
    await this.#sdk?.stop();
    this.#prober.stop();
    this.#schemas.stop();
    this.#graph.stop();
    // Peers hear it before anything ends here, so that they can take other ways.
    await this.#peering?.stop();
    for (const stop of this.#stops.toReversed()) await stop();
    await this.#loop?.stop();
    await this.#recorder?.stop();
    await Promise.all([this.#auth?.close(), this.#gateway?.close()]);
    await this.#plane?.close();
    this.#store.close();
  }

  async #open(): Promise<void> {
    const boot = this.#boot;
    const { clock, log } = this.#ports;
    const plane = await openDataPlane(boot, this.#ports, {
      opened: this.#gate.opened,
      desired: () => this.#planeDesired(),
      graph: this.#graph,
    });
    this.#plane = plane;
    const loop = new Loop<NodeTypes>({
      store: new State(boot.names.node),
      plugins: builtInPlugins(),
      outside: await loadPlugins(boot.config.plugins, { node: boot.names.node, baseDir: boot.baseDir }),
      runners: this.#runners(plane),
      ports: this.#ports,
      schedule: (run) => void later(run),
      weigh: ({ changes }) => changes.services.size + changes.routes.size,
    });
    this.#loop = loop;
    if (boot.record !== undefined) this.#recorder = startRecorder(loop, boot, boot.record, clock.now());
    this.#watch(loop);
    await this.#measure(loop, plane);
    this.#connect(loop);
    this.#peering = this.#openPeering(loop);
    const leases = new Leases(loop, clock, this.#store, boot.run);
    await this.#remember(loop, leases);
    this.#stops.push(tickEverySecond(loop, clock, log, (now) => leases.expire(now)));
    await this.#serve(loop, leases);
    this.#warm();
  }

  #runners(plane: DataPlane): Runners {
    return {
      probe: this.#prober.runner,
      schema: this.#schemas.runner,
      graph: this.#graph.runner,
      persist: persistRunner(this.#store),
      ...plane.runners,
    };
  }

  /** What is known before anything is observed: the file, the store, the leases of this run. */
  async #remember(loop: Loop<NodeTypes>, leases: Leases): Promise<void> {
    const { config, owners, names } = this.#boot;
    const configured = config.services.map((service, i) =>
      intentOf(service, owners.services[i] ?? { kind: "config", file: "flags", line: 0 }, names.node),
    );
    const told = [
      await loop.submit({ kind: "config.services", services: configured }),
      await loop.submit({ kind: "store.services", services: this.#store.intents() }),
    ];
    for (const { refused, problems } of told)
      for (const problem of refused === undefined ? problems : [refused])
        this.#say("warn", "service.refused", problem.text, problem.subject);
    await leases.restore();
    await this.#peering?.remember();
    if (this.#links.restarts > 0) {
      for (const effect of this.#desired("probe")) this.#gate.expect(`probe ${effect.key}`);
    }
    this.#gate.seal();
  }

  /** Peers are told of services as soon as their health is known, for that would be the first change otherwise. */
  #openPeering(loop: Loop<NodeTypes>): NodePeering {
    const peering = new NodePeering({
      boot: this.#boot,
      ports: this.#ports,
      loop,
      store: this.#store,
      content: (hash) => this.#blobs.get(hash),
      say: (level, kind, text, node) =>
        this.#say(level, kind, node === undefined ? text : `${node}: ${text}`, node),
    });
    const { clock } = this.#ports;
    const identity = this.#boot.config.identity.mode;
    const quarantined = () => this.#graph.quarantined;
    const admin = new PeeringAdmin({ loop, clock, journal: this.#journal, peering, identity, quarantined });
    this.#peeringAdmin = admin;
    this.#stops.push(() => admin.close());
    this.#gate.opened
      .then(() => peering.begin())
      .catch((error: unknown) => this.#say("warn", "peering.failed", String(error)));
    return peering;
  }

  #watch(loop: Loop<NodeTypes>): void {
    loop.watch(({ commit, outcomes }) => {
      if (commit !== undefined) this.#journal.commit(commit);
      for (const { outcome } of outcomes)
        for (const problem of outcome.problems)
          this.#journal.add(this.#ports.clock.now(), "problem", problem.text, problem.subject);
    });
    let before: readonly PartStatus[] = [];
    const onParts = (): void => {
      const now = this.#parts();
      for (const [kind, text, name] of partLines(before, now))
        this.#journal.add(this.#ports.clock.now(), kind, text, name);
      before = now;
    };
    this.#links.onParts(onParts);
    onParts();
  }

  async #measure(loop: Loop<NodeTypes>, plane: DataPlane): Promise<void> {
    const telemetry = await openTelemetry(this.#boot, "orchestrator", this.#ports.log);
    this.#stops.push(() => telemetry.stop());
    const parts = () => this.#parts();
    measureOrchestrator(telemetry.meter, { loop, parts, envoy: () => plane.status(parts()) });
  }

  #connect(loop: Loop<NodeTypes>): void {
    const { clock, random, log } = this.#ports;
    const emit = (event: { readonly kind: string; readonly [field: string]: unknown }): void =>
      // What the parts tell is an event of the union by contract, as with every runner.
      loop.push(event as unknown as Parameters<typeof loop.push>[0]);
    this.#gate.expect("keys");
    const common = { clock, random, log, delayMs: { first: 20, max: 1_000 } };
    this.#auth = reconnecting(this.#links.auth, {
      ...common,
      onConnect: (auth) => watchKeys(auth, emit, () => this.#arrived("keys")),
    });
    this.#gateway = reconnecting(this.#links.gateway, {
      ...common,
      onConnect: (_, session) => {
        // Not awaited: the session is there for status calls while a large graph is composed.
        this.#graph.restore(session.within(30_000), emit).catch((error: unknown) => {
          log.warn({ error: String(error) }, "the gateway did not take the graph");
        });
      },
    });
  }

  async #serve(loop: Loop<NodeTypes>, leases: Leases): Promise<void> {
    const { names, paths, ingress, config, origin, version } = this.#boot;
    const { node, organization } = names;
    const { clock, log } = this.#ports;
    const { auth } = this.#sessions();
    const plane = this.#plane;
    const state = this.#statusPorts(loop);
    const parseService = serviceParser(organization);
    const table = verbs({
      loop,
      clock,
      journal: this.#journal,
      node,
      reach: { ingress },
      auth: auth.stub,
      identity: { node, organization, identity: config.identity.mode, version },
      status: () => status(state),
      check: async () => await checks(await facts(state)),
      envoyStatus: () => plane?.status(this.#parts()) ?? { state: "absent", connected: false, types: [] },
      envoyConfig: (filter) => plane?.config(filter) ?? [],
      config: () => ({ config, origin }),
      parseService,
      ...(this.#peeringAdmin === undefined ? {} : { peering: this.#peeringAdmin.verbs }),
    });
    const admin = await serveAdmin(paths.adminSock, table, this.#journal, log);
    this.#stops.push(() => admin.close());
    this.#sdk = new SdkServer({ socket: paths.sdkSock, node, leases, parseService, log });
    await this.#sdk.listen();
  }

  /** The first service that somebody adds shall not wait for the schema to load and compile. */
  #warm(): void {
    // Where everything is in one process, memory counts for more than the first addition.
    if (this.#boot.config.processes === "one") return;
    const example = { name: "example", protocol: "http", endpoint: "http://127.0.0.1:1" };
    const parse = serviceParser(this.#boot.names.organization);
    void this.serves.then(() =>
      this.#stops.push(this.#ports.clock.after(WARM_MS, () => void parse(example))),
    );
  }

  #statusPorts(loop: Loop<NodeTypes>): StatusPorts {
    const { names, config, version, ingress, envoy } = this.#boot;
    const { auth, gateway } = this.#sessions();
    const record = this.#recorder?.file;
    const peering = this.#peeringAdmin;
    return {
      loop,
      clock: this.#ports.clock,
      node: names.node,
      organization: names.organization,
      version,
      startedAt: this.#startedAt,
      processes: config.processes,
      dataDir: names.dataDir,
      identity: config.identity.mode,
      ingress,
      ingressProblem: () => this.#plane?.ingressProblem(),
      betweenProblem: () => this.#plane?.peeringProblem(),
      envoyWanted: "binary" in envoy || envoy.wanted,
      auth: auth.stub,
      gateway: gateway.stub,
      parts: () => this.#parts(),
      store: this.#store.problems,
      record,
      recordBroken: () => this.#recorder?.broken,
      ...(peering === undefined ? {} : { peering: () => peering.facts() }),
    };
  }

  /** Without a supervisor: as far as it can be seen from here. */
  #parts(): readonly PartStatus[] {
    const told = this.#links.parts();
    if (told.length > 0) return told;
    const seen = (name: PartStatus["name"], there: boolean): PartStatus => ({
      name,
      state: there ? "ready" : "starting",
      restarts: 0,
      ...(there ? {} : { reason: "no session" }),
    });
    const { envoy } = this.#boot;
    return [
      seen("auth", this.#auth?.session !== undefined),
      { name: "orchestrator", state: "ready", restarts: 0, pid: process.pid },
      seen("gateway", this.#gateway?.session !== undefined),
      "absent" in envoy
        ? { name: "envoy", state: "absent", restarts: 0, reason: envoy.absent }
        : seen("envoy", this.#plane?.status([]).connected === true),
    ];
  }

  #sessions(): { auth: Reconnecting<AuthControl>; gateway: Reconnecting<GatewayControl> } {
    if (this.#auth === undefined || this.#gateway === undefined) throw new Error("not connected yet");
    return { auth: this.#auth, gateway: this.#gateway };
  }

  *#desired<K extends Effect["kind"]>(kind: K): Iterable<Extract<Effect, { kind: K }>> {
    const matches = (effect: { kind: string }): effect is Extract<Effect, { kind: K }> =>
      effect.kind === kind;
    for (const effect of this.#loop?.effects.desired() ?? []) if (matches(effect)) yield effect;
  }

  *#planeDesired(): ReturnType<PlaneGate["desired"]> {
    yield* this.#desired("envoy.node-cert");
    yield* this.#desired("envoy.trust");
    for (const kind of ["envoy.service", "envoy.import", "envoy.export"] as const) yield* this.#desired(kind);
  }

  #sdl(hash: string): string | undefined {
    const text = this.#blobs.get(hash);
    if (text !== undefined) return text;
    for (const service of this.loop.view.services.values())
      if (service.schema?.hash === hash) this.#schemas.again(service.name);
    return undefined;
  }

  /** An observation is in the state once the loop took it; the gate opens after that. */
  #arrived(what: string): void {
    if (this.#gate.isOpen) return;
    later(() => {
      // A service that answered is asked for its schema next: that is part of what was known.
      if (this.#links.restarts > 0)
        for (const effect of this.#desired("schema"))
          if (this.loop.view.services.get(effect.key)?.schema === undefined)
            this.#gate.expect(`schema ${effect.key}`);
      later(() => this.#gate.arrived(what));
    });
  }

  #say(level: "info" | "warn", kind: string, text: string, subject?: string): void {
    this.#ports.log[level](subject === undefined ? {} : { subject }, text);
    this.#journal.add(this.#ports.clock.now(), kind, text, subject);
  }
}

function gatewayLimits({ config }: Boot): GatewayLimits {
  const { requestTimeout, introspection, depth, aliases, tokens, documentLimit, batch } = config.gateway;
  return {
    ...DEFAULT_GATEWAY_LIMITS,
    requestMs: requestTimeout,
    introspection,
    depth,
    aliases,
    tokens,
    documentBytes: documentLimit,
    batch,
  };
}
