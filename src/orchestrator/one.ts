// `processes: "one"`: auth, gateway and orchestrator in this process, Envoy beside it. The parts speak the same contracts, over
// sessions that are pairs of queues with the same limits; only the sockets between them are gone. Restarting this process is the
// service manager's work; Envoy is restarted here.

import type { Ports } from "#kernel";
import { type AuthControl, type GatewayControl, OWN_PARTS_RPC_LIMITS, pair, type PartStatus } from "#rpc";
import type { Boot } from "./boot.ts";
import type { Level } from "./supervise/lines.ts";
import { takeLock } from "./supervise/lock.ts";
import type { NodePlan } from "./supervise/plan.ts";
import { Supervisor } from "./supervise/supervisor.ts";

export interface OneEvents {
  line(part: string, line: string): void;
  say(level: Level, text: string, fields?: object): void;
}

export interface OneNode {
  readonly boot: Boot;
  /** Resolves when the node serves. */
  readonly ready: Promise<void>;
  stop(): Promise<void>;
  /** Why there is no Envoy. */
  envoyAbsent(): string | undefined;
  /** Ends what would outlive this process, now. */
  kill(): void;
}

const limits = OWN_PARTS_RPC_LIMITS;

export async function startOne(
  boot: Boot,
  plan: NodePlan,
  ports: Ports,
  events: OneEvents,
): Promise<OneNode> {
  const lock = await takeLock(boot.paths.dataDir);
  const node = new One(boot, plan, ports, events);
  try {
    await node.start();
  } catch (error) {
    await node.stop();
    lock.release();
    throw error;
  }
  return {
    boot,
    ready: node.ready,
    envoyAbsent: () => node.envoyAbsent(),
    kill: () => node.kill(),
    stop: async () => {
      await node.stop();
      lock.release();
    },
  };
}

class One {
  readonly ready: Promise<void>;
  readonly #boot: Boot;
  readonly #ports: Ports;
  readonly #envoy: Supervisor;
  readonly #startedAt: number;
  readonly #listeners: (() => void)[] = [];
  readonly #own = new Map<string, PartStatus>();
  readonly #stops: (() => Promise<void>)[] = [];
  #becomeReady: () => void = () => {};
  #direct: (() => Promise<void>) | undefined;
  /** Envoy lets clients in. */
  #open = false;

  constructor(boot: Boot, plan: NodePlan, ports: Ports, events: OneEvents) {
    this.#boot = boot;
    this.#ports = ports;
    this.#startedAt = ports.clock.monotonic();
    this.ready = new Promise((resolve) => (this.#becomeReady = resolve));
    const alone = { ...plan, parts: plan.parts.filter((part) => part.name === "envoy") };
    this.#envoy = new Supervisor(alone, ports, { ...events, changed: () => this.#changed(), serves: false });
  }

  async start(): Promise<void> {
    const boot = this.#boot;
    const ports = this.#ports;
    for (const name of ["auth", "gateway", "orchestrator"] as const) this.#set(name, "starting");
    this.#envoy.start();
    const [{ startAuth }, { startGateway }, { startOrchestrator }] = await Promise.all([
      import("./roles/auth.ts"),
      import("./roles/gateway.ts"),
      import("./roles/orchestrator.ts"),
    ]);
    const auth = await startAuth(boot, ports);
    this.#stops.push(() => auth.stop());
    this.#set("auth", "ready");
    const toAuth = async () => (await pair<AuthControl>(() => auth.exposed, { limits, keepaliveMs: 0 }))[0];
    const direct = "absent" in boot.envoy;
    const gateway = await startGateway(boot, ports, toAuth, direct);
    this.#stops.push(() => gateway.stop(boot.config.drain));
    this.#direct = direct ? undefined : () => gateway.serveDirectly();
    void gateway.ready.then(() => this.#set("gateway", "ready"));
    const toGateway = async () =>
      (await pair<GatewayControl>(() => gateway.exposed, { limits, keepaliveMs: 0 }))[0];
    const orchestrator = await startOrchestrator(boot, ports, {
      auth: toAuth,
      gateway: toGateway,
      parts: () => this.#parts(),
      onParts: (listener) => void this.#listeners.push(listener),
      restarts: 0,
    });
    this.#stops.push(() => orchestrator.stop());
    void orchestrator.serves.then(() => {
      this.#open = true;
      this.#changed();
    });
    await orchestrator.published;
    this.#set("orchestrator", "ready");
  }

  async stop(): Promise<void> {
    const [orchestrator, ...others] = this.#stops.splice(0).toReversed();
    // As in `split`: SDKs hear of it first, Envoy drains its clients, then the parts behind it go.
    await orchestrator?.();
    await this.#envoy.stop();
    for (const stop of others) await stop();
  }

  kill(): void {
    this.#envoy.kill();
  }

  envoyAbsent(): string | undefined {
    return this.#envoy.envoyAbsent;
  }

  #parts(): readonly PartStatus[] {
    const uptimeMs = Math.round(this.#ports.clock.monotonic() - this.#startedAt);
    return [...this.#own.values(), ...this.#envoy.parts()].map((part) =>
      part.name === "envoy" ? part : { ...part, uptimeMs },
    );
  }

  #set(name: "auth" | "gateway" | "orchestrator", state: PartStatus["state"]): void {
    this.#own.set(name, { name, state, pid: process.pid, restarts: 0 });
    this.#changed();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
    const parts = this.#parts();
    const absent = parts.some((part) => part.name === "envoy" && part.state === "absent");
    if (absent && this.#direct !== undefined) {
      const serve = this.#direct;
      this.#direct = undefined;
      serve().catch((error: unknown) => {
        this.#ports.log.error({ error: String(error) }, "the gateway cannot serve ingress itself");
      });
    }
    if (!this.#open && !absent) return;
    if (parts.length === 4 && parts.every((part) => part.state === "ready" || part.state === "absent"))
      this.#becomeReady();
  }
}
