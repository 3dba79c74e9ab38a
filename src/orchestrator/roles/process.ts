// One part as a process of its own: loads its code, is told of its boot file by the first line of its stdin, serves its contract on
// its socket, tells the supervisor when it is ready, ends on SIGTERM (draining), on EOF of stdin (its supervisor is gone) and on a
// defect (its supervisor starts it anew). Invariant: nothing is touched before the boot file is known; it may never come.

import { join } from "node:path";
import { prepareDirectories } from "#config";
import type { Ports } from "#kernel";
import { type AuthControl, connect, type GatewayControl, OWN_PARTS_RPC_LIMITS, type PartName } from "#rpc";
import { type PartStatus, serve, type Session, spareFetch } from "#rpc";
import { type Boot, readBoot } from "../boot.ts";
import { openLog } from "../log.ts";
import { systemClock, systemRandom } from "../ports.ts";
import type { PrepareOptions } from "../prepare.ts";
import { collectAfterStart } from "../settle.ts";
import { LinkClient } from "../supervise/link.ts";
import { type Lock, takeLock } from "../supervise/lock.ts";
import { ENV } from "../supervise/plan.ts";

export type RoleName = Exclude<PartName, "envoy">;

interface Running {
  /** Resolves when the part does its work. */
  readonly ready: Promise<void>;
  /** Resolves when also the node's clients have something of it; until then the node does not say that it serves. */
  readonly serves?: Promise<void>;
  stop(): Promise<void>;
}

const limits = OWN_PARTS_RPC_LIMITS;

const toAuth =
  (boot: Boot) =>
  (signal: AbortSignal): Promise<Session<AuthControl>> =>
    connect<AuthControl>({ unix: boot.paths.authSock }, { limits, signal });

const toGateway =
  (boot: Boot) =>
  (signal: AbortSignal): Promise<Session<GatewayControl>> =>
    connect<GatewayControl>({ unix: boot.paths.gatewaySock }, { limits, signal });

async function auth(boot: Boot, ports: Ports): Promise<Running> {
  const { startAuth } = await import("./auth.ts");
  const part = await startAuth(boot, ports);
  const server = await serve({ unix: boot.paths.authSock }, () => part.exposed, { limits, log: ports.log });
  return {
    ready: Promise.resolve(),
    stop: async () => {
      await server.close();
      await part.stop();
    },
  };
}

async function gateway(boot: Boot, ports: Ports): Promise<Running> {
  const { startGateway } = await import("./gateway.ts");
  // Under a supervisor Envoy may also turn out to be missing later.
  const direct = process.env[ENV.direct] === "1" || "absent" in boot.envoy;
  const part = await startGateway(boot, ports, toAuth(boot), direct);
  const server = await serve({ unix: boot.paths.gatewaySock }, () => part.exposed, {
    limits,
    log: ports.log,
  });
  return {
    ready: part.ready,
    stop: async () => {
      await part.stop(boot.config.drain);
      await server.close();
    },
  };
}

async function orchestrator(boot: Boot, ports: Ports, parts: PartsView): Promise<Running> {
  const { startOrchestrator } = await import("./orchestrator.ts");
  const part = await startOrchestrator(boot, ports, {
    auth: toAuth(boot),
    gateway: toGateway(boot),
    parts: () => parts.now,
    onParts: (listener) => void parts.listeners.push(listener),
    restarts: Number(process.env[ENV.restarts] ?? 0),
  });
  return { ready: part.published, serves: part.serves, stop: () => part.stop() };
}

/** What a part needs whatever its configuration is. */
const loads = {
  auth: async () => (await import("./auth.ts")).loadAuth(),
  gateway: async () => (await import("./gateway.ts")).loadGateway(),
  orchestrator: () => import("./orchestrator.ts"),
} as const satisfies Record<RoleName, () => Promise<unknown>>;

/** The boot file that the first line of stdin names; undefined where the supervisor ends before it knows of one. */
const toldBoot = (): Promise<Boot | undefined> =>
  new Promise((resolve, reject) => {
    const { stdin } = process;
    let text = "";
    const told = (chunk: string): void => {
      text += chunk;
      const end = text.indexOf("\n");
      if (end < 0) return;
      stdin.off("data", told).off("end", never);
      try {
        resolve(readBoot(text.slice(0, end)));
      } catch (error) {
        reject(error);
      }
    };
    const never = (): void => resolve(undefined);
    stdin.setEncoding("utf8").on("data", told).once("end", never);
  });

/** Referenced as long as the process lives: a collected lock would be a released one. */
let held: Lock | undefined;

/** A part alone takes the directories as they are: the other parts use them too. */
async function bootAlone(role: RoleName, options: PrepareOptions): Promise<Boot> {
  const { bootOf } = await import("../prepare.ts");
  const boot = await bootOf(options, options.loaded.config.ingress.listen);
  prepareDirectories(boot.paths);
  // The orchestrator alone writes the state; a second one would undo what the first one does.
  if (role === "orchestrator") held = await takeLock(boot.paths.dataDir);
  return boot;
}

class PartsView {
  readonly listeners: (() => void)[] = [];
  #parts: readonly PartStatus[] = [];
  #at = 0;

  /** Times as of now; the picture came with those of its moment. */
  get now(): readonly PartStatus[] {
    const since = Math.round(systemClock.monotonic() - this.#at);
    return this.#parts.map((part) =>
      part.uptimeMs === undefined ? part : { ...part, uptimeMs: part.uptimeMs + since },
    );
  }

  set(parts: readonly PartStatus[]): void {
    this.#parts = parts;
    this.#at = systemClock.monotonic();
    for (const listener of this.listeners) listener();
  }
}

/** Runs until the part is told to end; the result is the exit code. `options`: alone, without a supervisor. */
export async function runPart(role: RoleName, options?: PrepareOptions): Promise<number> {
  process.umask(0o077);
  spareFetch();
  const [boot] = await Promise.all([
    options === undefined ? toldBoot() : bootAlone(role, options),
    loads[role](),
  ]);
  if (boot === undefined) return 0;
  const log = openLog(boot, role);
  const ports: Ports = { clock: systemClock, random: systemRandom, log };
  const parts = new PartsView();
  const link =
    options === undefined
      ? new LinkClient(join(boot.paths.runDir, "supervisor.sock"), role, (now) => parts.set(now))
      : undefined;
  const ended = endings(log, link !== undefined);
  const starts = { auth, gateway, orchestrator } as const;
  const running = await starts[role](boot, ports, parts);
  void running.ready.then(() => {
    if (running.serves === undefined) link?.state(true);
    else {
      // Ready at once: Envoy is started only then.
      link?.state(true, "waits for Envoy to take ingress");
      void running.serves.then(() => link?.state(true));
    }
    collectAfterStart(systemClock);
  });
  const why = await ended;
  if (why === "orphaned") return 0;
  await running.stop();
  held?.release();
  return 0;
}

/** Resolves when the part should end: in order, or because nobody is left that it could serve. */
function endings(log: Ports["log"], supervised: boolean): Promise<"asked" | "orphaned"> {
  return new Promise((resolve) => {
    process.once("SIGTERM", () => resolve("asked"));
    if (supervised) {
      // Ctrl-C belongs to the supervisor; it says SIGTERM when it is time.
      process.on("SIGINT", () => {});
      process.stdin.on("end", () => resolve("orphaned"));
      process.stdin.on("error", () => resolve("orphaned"));
      process.stdin.resume();
      process.stdout.on("error", () => resolve("orphaned"));
    } else process.once("SIGINT", () => resolve("asked"));
    process.on("uncaughtException", (error) => {
      const hint = "hint" in error ? { hint: error.hint } : {};
      log.error({ error: error.stack ?? error.message, ...hint }, "a defect ended this part");
      process.exit(70);
    });
  });
}
