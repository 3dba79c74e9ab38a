// Runners of the `envoy.service` and `envoy.keys` effects: hand every want to the configurator, publish what changed in one
// flush, bring the verdicts back. What is between nodes (peering-plane.ts) shares the xDS server. In no-Envoy mode the same
// effects are taken and nothing is published.
// Invariant: the xDS socket opens after the first flush, for what a connecting Envoy has and the snapshot lacks is taken from it.

import { controlPlane, type EnvoyBase, type EnvoyConfigurator, type XdsServer } from "#envoy";
import type { BatchRunner, EffectResult, Ports, RunnerContext, Runners } from "#kernel";
import { CatalystError, type EnvoyResource, type EnvoyStatus, type PartStatus } from "#rpc";
import type { Effect, PeeringEffect } from "#routing";
import { type Boot, hostPort } from "../boot.ts";
import { readFileSync } from "node:fs";
import { envoyTelemetry } from "../envoy-telemetry.ts";
import { type IngressProblem, IngressWatch } from "./ingress-watch.ts";
import { type ImportUser, peeringBaseOf, PeeringPlane, type PeeringProblem } from "./peering-plane.ts";
import { Reach } from "./peering-plane-reach.ts";

type Control = Awaited<ReturnType<typeof controlPlane>>;

type ServiceEffect = Extract<Effect, { kind: "envoy.service" }>;
type KeysEffect = Extract<Effect, { kind: "envoy.keys" }>;

/** One answer of Envoy takes at most 10 s (XDS_LIMITS); a flush has several phases. */
const FLUSH_MS = 60_000;

export interface DataPlane {
  readonly runners: Runners;
  /** Resolves when the snapshot is whole and Envoy may connect. */
  readonly opened: Promise<void>;
  /** Resolves when Envoy has taken the ingress listener and its routes: clients are let in. */
  readonly serves: Promise<void>;
  /** What of the node's own Envoy refused; undefined when nothing. */
  ingressProblem(): IngressProblem | undefined;
  /** What Envoy refused of the listeners and certificates between nodes; undefined when nothing. */
  peeringProblem(): PeeringProblem | undefined;
  status(parts: readonly PartStatus[]): EnvoyStatus;
  config(filter: { type?: string; name?: string }): readonly EnvoyResource[];
  close(): Promise<void>;
}

export interface PlaneGate {
  readonly opened: Promise<void>;
  /** Everything wanted at the moment the gate opens. */
  readonly desired: () => Iterable<ServiceEffect | PeeringEffect>;
  readonly graph?: ImportUser;
}

export async function openDataPlane(boot: Boot, ports: Ports, gate: PlaneGate): Promise<DataPlane> {
  if ("absent" in boot.envoy) return { ...withoutEnvoy, opened: gate.opened, serves: gate.opened };
  const control = await controlPlane();
  const server = new control.XdsServer({
    log: ports.log,
    onRefused: (type, name) => plane.refused(type, name),
    onAnswered: () => plane.answered(),
  });
  const plane: EnvoyPlane = new EnvoyPlane(boot, ports, gate, server, control);
  plane.opened.catch((error: unknown) => {
    ports.log.error({ error: String(error) }, "the xDS server did not open");
  });
  return plane;
}

/** How long clusters outlive their last route: more than all tries of a request together wait. */
const LINGER_MS = 500;

const nothing: BatchRunner<never> = { batch: async () => ({ ok: true }) };

const withoutEnvoy: Omit<DataPlane, "opened" | "serves"> = {
  runners: {
    "envoy.service": nothing,
    "envoy.keys": nothing,
    // What is wanted between nodes is kept and nothing more: there may be hundreds of thousands.
  },
  ingressProblem: () => undefined,
  peeringProblem: () => undefined,
  status: (parts) => ({ state: envoyState(parts), connected: false, types: [] }),
  config: () => [],
  close: async () => {},
};

const envoyState = (parts: readonly PartStatus[]): PartStatus["state"] =>
  parts.find((part) => part.name === "envoy")?.state ?? "absent";

class EnvoyPlane implements DataPlane {
  readonly #boot: Boot;
  readonly #ports: Ports;
  readonly #gate: PlaneGate;
  readonly #control: Control;
  readonly #server: XdsServer;
  readonly #configurator: EnvoyConfigurator;
  readonly #ingress: IngressWatch;
  readonly #peering: PeeringPlane;
  readonly #reach: Reach;
  /** What the loop was last told of services that are left out. */
  #told = "[]";
  #emit: RunnerContext["emit"] = () => {};
  #listening: Promise<void> | undefined;

  constructor(boot: Boot, ports: Ports, gate: PlaneGate, server: XdsServer, control: Control) {
    const users = new control.ClusterUsers();
    const configurator = new control.EnvoyConfigurator(server, undefined, users);
    this.#control = control;
    this.#boot = boot;
    this.#ports = ports;
    this.#gate = gate;
    this.#server = server;
    this.#configurator = configurator;
    this.#ingress = new IngressWatch({
      clock: ports.clock,
      server,
      configurator,
      listen: boot.config.ingress.listen,
      flush: () => this.#flushLater(),
    });
    const { clock } = ports;
    this.#peering = new PeeringPlane({
      configurator: new control.PeeringConfigurator(
        server,
        (collect) => {
          clock.after(LINGER_MS, () => void collect().catch((error: unknown) => this.#notBrought(error)));
        },
        boot.config.identity.mode === "none" ? "none" : "certificate",
        users,
      ),
      base: peeringBaseOf(boot),
      clock,
      opened: () => this.#open(),
      began: (context) => {
        this.#emit = (event) => context.emit(event);
        // Next hops are looked after as soon as there can be some.
        this.#reach.start();
      },
      moved: () => this.#tellQuarantined(),
      failed: (error) => this.#notBrought(error),
      graph: gate.graph,
    });
    this.#reach = new Reach({
      clock,
      ask: (path) => control.askEnvoy(boot.paths.envoyAdminSock, path),
      tell: (peer, reach) => this.#emit({ kind: "peer.reach", peer, reach }),
    });
  }

  get runners(): Runners {
    const services: BatchRunner<ServiceEffect> = {
      deadlineMs: FLUSH_MS,
      report: "changes",
      batch: async (effects, context) => {
        this.#emit = (event) => context.emit(event);
        await this.#open();
        for (const { key, want } of effects) this.#configurator.setService(key, want);
        const { services: verdicts } = await this.#flush();
        return effects.map(({ key }) => resultOf(verdicts.get(key)));
      },
    };
    const keys: BatchRunner<KeysEffect> = {
      deadlineMs: FLUSH_MS,
      report: "changes",
      batch: async (effects) => {
        for (const { want } of effects) this.#configurator.setKeys(want);
        await this.#open();
        const { keys: verdict } = await this.#flush();
        // What is refused of the node's own is told, and tried again, by the watch over ingress.
        if (verdict?.ok === false && verdict.code === "ERR_ENVOY_REFUSED") return { ok: true };
        return resultOf(verdict);
      },
    };
    return { "envoy.service": services, "envoy.keys": keys, ...this.#peering.runners };
  }

  /** Also when no effect ever comes: a node without services has an ingress. */
  get opened(): Promise<void> {
    return this.#open();
  }

  get serves(): Promise<void> {
    return this.#ingress.open;
  }

  ingressProblem(): IngressProblem | undefined {
    return this.#ingress.problem;
  }

  peeringProblem(): PeeringProblem | undefined {
    return this.#peering.problem;
  }

  answered(): void {
    this.#ingress.moved();
  }

  refused(type: string, name: string): void {
    // Clusters of own services are of both, any other name is of one.
    this.#peering.refused(type, name);
    if (this.#configurator.refusedLater(type, name)) this.#flushLater();
  }

  status(parts: readonly PartStatus[]): EnvoyStatus {
    const status = this.#server.status();
    const refused = (type: string) =>
      status.quarantined
        .filter(({ ref }) => ref.startsWith(`${type}/`))
        .map(({ ref, text }) => ({ name: ref.slice(type.length + 1), text }));
    return {
      state: envoyState(parts),
      connected: status.connected,
      ...(status.node === undefined ? {} : { version: status.node.version }),
      ...(status.connectedForMs === undefined ? {} : { connectedForMs: Math.round(status.connectedForMs) }),
      types: status.types.map(({ type, resources, acked, nacks }) => ({
        type,
        resources,
        acknowledged: acked,
        refused: refused(type),
        nacks,
        ...(status.lastAckMs === undefined ? {} : { lastAckMs: status.lastAckMs }),
      })),
    };
  }

  config(filter: { type?: string; name?: string }): readonly EnvoyResource[] {
    return this.#control.publishedResources(this.#server, filter);
  }

  async close(): Promise<void> {
    this.#ingress.stop();
    this.#peering.stop();
    this.#reach.stop();
    await this.#server.close();
  }

  #open(): Promise<void> {
    this.#listening ??= this.#listen();
    return this.#listening;
  }

  async #listen(): Promise<void> {
    this.#configurator.setBase(baseOf(this.#boot));
    await this.#gate.opened;
    const between: PeeringEffect[] = [];
    for (const effect of this.#gate.desired())
      if (effect.kind === "envoy.service") this.#configurator.setService(effect.key, effect.want);
      else between.push(effect);
    await Promise.all([this.#flush(), this.#peering.start(between)]);
    await this.#server.listen(this.#boot.paths.xdsSock);
  }

  #flushLater(): void {
    this.#flush().catch((error: unknown) => this.#notBrought(error));
  }

  #notBrought(error: unknown): void {
    this.#ports.log.warn({ error: String(error) }, "Envoy could not be brought up to date");
  }

  async #flush(): ReturnType<EnvoyConfigurator["flush"]> {
    const flushed = await this.#configurator.flush();
    this.#ingress.moved();
    this.#tellQuarantined(true);
    return flushed;
  }

  /** One verdict for ingress and for what is between nodes; after a change between nodes only when it is another one. */
  #tellQuarantined(always = false): void {
    const quarantined: Left[] = this.#configurator.quarantined();
    const named = new Set(quarantined.map(({ service }) => service));
    for (const left of this.#peering.quarantined()) if (!named.has(left.service)) quarantined.push(left);
    const told = quarantined.length === 0 ? "[]" : JSON.stringify(quarantined);
    if (!always && told === this.#told) return;
    this.#told = told;
    this.#emit({ kind: "verdict", by: "envoy", quarantined });
  }
}

type Left = ReturnType<PeeringPlane["quarantined"]>[number];
type Verdict = Awaited<ReturnType<EnvoyConfigurator["flush"]>>["keys"];

/** Stored and not yet acknowledged is true too: Envoy gets it when it connects. */
const resultOf = (verdict: Verdict): EffectResult => {
  if (verdict === undefined) return { ok: true };
  if (verdict.ok) return { ok: true, detail: { ms: verdict.ms, acknowledged: verdict.acknowledged } };
  const { code, text, retry } = verdict;
  return { ok: false, code, text, retry };
};

export function baseOf(boot: Boot): EnvoyBase {
  const { config, names, paths } = boot;
  const { listen, tls, bodyLimit } = config.ingress;
  const { host, port } = hostPort(listen);
  return {
    node: names.node,
    identity: config.identity.mode,
    listen: { address: host === "localhost" ? "127.0.0.1" : host, port },
    ...(tls === undefined ? {} : { tls: { certificate: pem(tls.cert.file), key: pem(tls.key.file) } }),
    gateway: { path: paths.gatewayHttpSock },
    auth: { path: paths.authHttpSock },
    bodyLimitBytes: bodyLimit,
    ...envoyTelemetry(boot),
  };
}

function pem(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new CatalystError("ERR_CONFIG_UNREADABLE", `ingress.tls: cannot read ${file}`, { cause });
  }
}
