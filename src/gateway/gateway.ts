// The gateway as one object: the control contract the orchestrator calls, the listeners clients reach, and what holds them
// together. Everything from outside comes in by the options. Invariant: closing finishes what is under way, then frees
// sockets, pools and the compose thread, in this order.

import { chmodSync, unlinkSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { CatalystError } from "#rpc";
import type { Applied, GatewayConfig, GatewayControl, GatewayStatus } from "#rpc";
import type { Tracing } from "#telemetry";
import { ComposeThread, type ThreadOptions } from "./compose/thread.ts";
import { Executor } from "./execute/executor.ts";
import { Transport } from "./execute/transport.ts";
import { RetryBudget } from "./execute/upstream.ts";
import { Generations, GENERATIONS_DEFAULTS, type GenerationsOptions } from "./generations.ts";
import type { GatewayInstruments } from "./instruments.ts";
import { DirectIdentity, EnvoyIdentity, type DirectIdentityOptions } from "./serve/identity.ts";
import { type PageOptions, PageServer } from "./serve/page.ts";
import { GatewayServer } from "./serve/server.ts";

export interface GatewayOptions {
  /** Never jumps, milliseconds; for durations. */
  readonly now?: () => number;
  readonly instruments?: GatewayInstruments;
  /** Decides for each request whether it is traced; what is not costs one call. */
  readonly tracing?: Tracing;
  readonly thread?: Partial<ThreadOptions>;
  readonly generations?: Partial<GenerationsOptions>;
  readonly page?: Partial<PageOptions>;
  /** Join equal queries to a service that are under way at the same time. Off by default. */
  readonly dedupe?: boolean;
}

/** Where to listen, and who proves the identity there. */
export type ListenOptions =
  /** Behind our own Envoy, which has verified the token. The socket gets mode 0600. */
  | { readonly unix: string }
  /** Without Envoy: tokens are verified here, auth's public paths are forwarded. */
  | {
      readonly host: string;
      readonly port: number;
      readonly identity: DirectIdentityOptions;
      readonly authSocket?: string;
    };

export interface Listening {
  readonly address: string;
  /** Of a TCP listener. */
  readonly port: number | undefined;
}

export interface Gateway extends GatewayControl {
  listen(options: ListenOptions): Promise<Listening>;
  /** The composed API schema; undefined before the first configuration. */
  schema(): Promise<string | undefined>;
  close(drainMs: number): Promise<void>;
}

/** Envoy keeps idle connections for an hour; a connection that ends under a request would cost a retry. */
const ENVOY_KEEP_ALIVE_MS = 2 * 3_600_000;
const CLIENT_KEEP_ALIVE_MS = 65_000;

export async function createGateway(options: GatewayOptions = {}): Promise<Gateway> {
  return new NodeGateway(options);
}

class NodeGateway implements Gateway {
  readonly #now: () => number;
  readonly #instruments: GatewayInstruments | undefined;
  readonly #thread: ComposeThread;
  readonly #transport: Transport;
  readonly #generations: Generations;
  readonly #executor: Executor;
  readonly #page: PageServer;
  readonly #servers: GatewayServer[] = [];
  readonly #startedAt: number;

  constructor(options: GatewayOptions) {
    const now = options.now ?? (() => performance.now());
    const { instruments } = options;
    this.#now = now;
    this.#startedAt = now();
    this.#instruments = instruments;
    this.#thread = new ComposeThread(options.thread);
    this.#transport = new Transport(now);
    this.#page = new PageServer(options.page);
    const tools = {
      transport: this.#transport,
      budget: new RetryBudget(),
      now,
      dedupe: options.dedupe ?? false,
      instruments,
    };
    this.#generations = new Generations(this.#thread, tools, {
      ...GENERATIONS_DEFAULTS,
      ...options.generations,
    });
    this.#executor = new Executor({ thread: this.#thread, now, instruments, tracing: options.tracing });
  }

  apply(config: GatewayConfig): Promise<Applied> {
    return this.#generations.apply(config);
  }

  check(config: GatewayConfig): Promise<Applied> {
    return this.#generations.check(config);
  }

  async status(): Promise<GatewayStatus> {
    return {
      ...this.#generations.status(),
      requestsActive: this.#executor.active,
      uptimeMs: Math.round(this.#now() - this.#startedAt),
    };
  }

  async schema(): Promise<string | undefined> {
    const key = this.#generations.current?.graph.key;
    return key === undefined ? undefined : this.#thread.api(key);
  }

  async listen(options: ListenOptions): Promise<Listening> {
    const unix = "unix" in options;
    const gateway = new GatewayServer({
      identity: unix ? new EnvoyIdentity() : new DirectIdentity(options.identity),
      executor: this.#executor,
      current: () => this.#generations.current,
      instruments: this.#instruments,
      page: this.#page,
      authSocket: unix ? undefined : options.authSocket,
      keepAliveMs: unix ? ENVOY_KEEP_ALIVE_MS : CLIENT_KEEP_ALIVE_MS,
    });
    const { server } = gateway;
    const listening = new Promise<void>((resolve, reject) => {
      server.once("listening", resolve);
      server.once("error", reject);
    });
    if (unix) {
      removeSocket(options.unix);
      // The socket file is made inside `listen`, so it is never there with a wider mode.
      const before = process.umask(0o177);
      try {
        server.listen(options.unix);
      } finally {
        process.umask(before);
      }
    } else server.listen(options.port, options.host);
    try {
      await listening;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const where = unix ? options.unix : `${options.host}:${options.port}`;
      throw new CatalystError(
        code === "EADDRINUSE" ? "ERR_PORT_IN_USE" : code === "EACCES" ? "ERR_PERMISSION" : "ERR_INTERNAL",
        `the gateway cannot listen on ${where}`,
        { cause: error },
      );
    }
    if (unix) chmodSync(options.unix, 0o600);
    this.#servers.push(gateway);
    if (unix) return { address: options.unix, port: undefined };
    const { address, port } = server.address() as AddressInfo;
    return { address, port };
  }

  async close(drainMs: number): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close(drainMs)));
    this.#page.close();
    await this.#transport.close();
    await this.#thread.close();
  }
}

/** A process that was killed leaves its socket file behind. */
function removeSocket(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
