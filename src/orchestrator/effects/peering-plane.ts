// Runners of what Envoy does between nodes: imports, exports, trust, the own certificate. All wants go to one configurator beside
// that of ingress, on the same xDS server. Files are read here, so no secret is in the state. The egress listener is opened with
// the first peer; a listener that Envoy refuses (its port is taken) is tried again by itself, after 1 s doubling to 30 s. An import
// that nobody wants any more goes when the graph has let go of it. Invariant: what is wanted when the snapshot is first made is in
// it, before an Envoy may connect.

import { readFileSync } from "node:fs";
import type { PeeringBase, PeeringConfigurator, Verdict } from "#envoy";
import type { BatchRunner, Clock, EffectResult, RunnerContext, Runners } from "#kernel";
import { CatalystError, type ErrorCode } from "#rpc";
import type { PeeringEffect, ServiceName } from "#routing";
import { type Boot, hostPort } from "../boot.ts";

type Of<K extends PeeringEffect["kind"]> = Extract<PeeringEffect, { kind: K }>;

/** One answer of Envoy takes at most 10 s (XDS_LIMITS); a flush has several phases. */
const FLUSH_MS = 60_000;
const RETRY_FIRST_MS = 1_000;
const RETRY_LAST_MS = 30_000;

export interface PeeringPlaneOptions {
  readonly configurator: PeeringConfigurator;
  readonly base: PeeringBase;
  readonly clock: Pick<Clock, "after">;
  /** Resolves when the snapshot was made for the first time. */
  readonly opened: () => Promise<void>;
  /** With each run of effects. */
  readonly began: (context: RunnerContext) => void;
  /** After each publication. */
  readonly moved: () => void;
  /** A publication that nobody waits for failed. */
  readonly failed: (error: unknown) => void;
  /** Absent = nobody but clients of egress asks for imports. */
  readonly graph?: ImportUser | undefined;
}

/** Who sends queries over imports, and may do so for a moment after nobody wants them any more. */
export interface ImportUser {
  uses(service: ServiceName): boolean;
  /** Resolves when no query goes to any of them; bounded. */
  left(services: readonly ServiceName[]): Promise<void>;
}

/** Something of the listeners or certificates that Envoy does not take. */
export interface PeeringProblem {
  readonly code: ErrorCode;
  readonly text: string;
  readonly hint?: string;
}

export class PeeringPlane {
  readonly #options: PeeringPlaneOptions;
  #egress = false;
  /** Nothing was ever wanted: a node without peers publishes nothing here. */
  #idle: boolean;
  #problem: PeeringProblem | undefined;
  #attempts = 0;
  #cancel: (() => void) | undefined;
  #stopped = false;
  /** Imports that go when the graph has let go of them. */
  readonly #leaving = new Map<ServiceName, Promise<void>>();

  constructor(options: PeeringPlaneOptions) {
    this.#options = options;
    this.#idle = options.base.peer === undefined;
    this.#listeners();
  }

  get runners(): Runners {
    return {
      // In this order, so that a service finds the trust that came with it.
      "envoy.node-cert": this.#runner<"envoy.node-cert">(() => undefined),
      "envoy.trust": this.#runner<"envoy.trust">(() => undefined),
      "envoy.import": this.#runner<"envoy.import">((flushed, key) => flushed.imports.get(key)),
      "envoy.export": this.#runner<"envoy.export">((flushed, key) => flushed.exports.get(key)),
    };
  }

  /** The first publication, with everything wanted so far. */
  async start(desired: Iterable<PeeringEffect>): Promise<void> {
    for (const effect of desired) {
      const result = this.#take(effect);
      if (!result.ok) this.#options.failed(new Error(`${effect.kind} ${effect.key}: ${result.text}`));
    }
    await this.#flush();
  }

  /** Something was refused that nobody waited for. False when it is none of these. */
  refused(type: string, name: string): boolean {
    if (!this.#options.configurator.refusedLater(type, name)) return false;
    this.#flushLater();
    return true;
  }

  get problem(): PeeringProblem | undefined {
    return this.#problem;
  }

  /** Services that peers cannot reach though they should. */
  quarantined(): { readonly service: ServiceName; readonly code: string; readonly text: string }[] {
    return this.#options.configurator
      .quarantined()
      .flatMap(({ side, service, code, text }) => (side === "peer" ? [{ service, code, text }] : []));
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #runner<K extends PeeringEffect["kind"]>(
    verdictOf: (flushed: Flushed, key: string) => Verdict | undefined,
  ): BatchRunner<Of<K>> {
    return {
      deadlineMs: FLUSH_MS,
      report: "changes",
      batch: async (effects, context) => {
        this.#options.began(context);
        await this.#options.opened();
        const staying = this.#hold(effects);
        const taken = effects.map((effect) => (staying.has(effect) ? MADE : this.#take(effect)));
        const flushed = await this.#flush();
        return effects.map(({ key }, i) => {
          const own = taken[i];
          return own?.ok === false || flushed === undefined
            ? (own ?? { ok: true })
            : resultOf(verdictOf(flushed, key));
        });
      },
    };
  }

  /** Imports that are to go and are in use: they go later, unless they are wanted again. */
  #hold(effects: readonly PeeringEffect[]): ReadonlySet<PeeringEffect> {
    const { graph, configurator } = this.#options;
    const staying = new Set<PeeringEffect>();
    for (const effect of effects) {
      if (effect.kind !== "envoy.import") continue;
      this.#leaving.delete(effect.key);
      if (effect.want === undefined && graph?.uses(effect.key) === true) staying.add(effect);
    }
    if (graph === undefined || staying.size === 0) return staying;
    const keys = [...staying].map(({ key }) => key);
    const left = graph.left(keys).then(() => {
      const gone = keys.filter((key) => this.#leaving.get(key) === left);
      for (const key of gone) {
        this.#leaving.delete(key);
        configurator.setImport(key, undefined);
      }
      if (gone.length > 0 && !this.#stopped) this.#flushLater();
    });
    for (const key of keys) this.#leaving.set(key, left);
    return staying;
  }

  /** Hands one want to the configurator. Never throws: a file that cannot be read is tried again. */
  #take(effect: PeeringEffect): EffectResult & { readonly text?: string } {
    const { configurator } = this.#options;
    this.#idle = false;
    try {
      switch (effect.kind) {
        case "envoy.import":
          configurator.setImport(effect.key, effect.want);
          break;
        case "envoy.export":
          configurator.setExport(effect.key, effect.want);
          break;
        case "envoy.trust":
          this.#trust(effect);
          break;
        case "envoy.node-cert": {
          const { want } = effect;
          configurator.setNodeCertificate(
            want && { certificate: textOf(want.certificateFile), key: textOf(want.keyFile) },
          );
        }
      }
      return { ok: true };
    } catch (error) {
      const code = error instanceof CatalystError ? error.code : "ERR_INTERNAL";
      return { ok: false, code, text: error instanceof Error ? error.message : String(error), retry: true };
    }
  }

  #trust({ key, want }: Of<"envoy.trust">): void {
    const { configurator } = this.#options;
    if (want === undefined) return configurator.setTrust(key, undefined);
    if (!this.#egress) {
      this.#egress = true;
      this.#listeners();
    }
    try {
      const pem = "unproven" in want ? undefined : textOf(want.file);
      configurator.setTrust(key, { nodes: want.nodes, pem });
    } catch (error) {
      // Who cannot be checked is not believed, whatever was believed before.
      configurator.setTrust(key, undefined);
      throw error;
    }
  }

  #listeners(): void {
    const { egress, ...rest } = this.#options.base;
    this.#options.configurator.setListeners(
      this.#egress && egress !== undefined ? { ...rest, egress } : rest,
    );
  }

  async #flush(): Promise<Flushed | undefined> {
    if (this.#idle) return undefined;
    const flushed = await this.#options.configurator.flush();
    if (flushed.base !== undefined) this.#heard(flushed.base);
    this.#options.moved();
    return flushed;
  }

  #flushLater(): void {
    this.#flush().catch((error: unknown) => this.#options.failed(error));
  }

  /** What Envoy says to listeners and certificates. */
  #heard(verdict: Verdict): void {
    if (verdict.ok) {
      this.#problem = undefined;
      this.#attempts = 0;
      this.#cancel?.();
      this.#cancel = undefined;
      return;
    }
    this.#problem = {
      code: verdict.code,
      text: `Envoy cannot serve between nodes: ${verdict.text}`,
      hint: "end the program that holds the address, or set peer.listen and egress.listen; the node tries again by itself",
    };
    if (this.#cancel !== undefined || this.#stopped) return;
    const ms = Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** Math.min(this.#attempts, 10));
    this.#attempts += 1;
    this.#cancel = this.#options.clock.after(ms, () => {
      this.#cancel = undefined;
      this.#listeners();
      this.#flushLater();
    });
  }
}

const MADE: EffectResult = { ok: true };

type Flushed = Awaited<ReturnType<PeeringConfigurator["flush"]>>;

function resultOf(verdict: Verdict | undefined): EffectResult {
  if (verdict === undefined) return { ok: true };
  if (verdict.ok) return { ok: true, detail: { ms: verdict.ms, acknowledged: verdict.acknowledged } };
  const { code, text, retry } = verdict;
  // Trust or certificate may come later, and then nothing of this want changes.
  return { ok: false, code, text, retry: retry || code === "ERR_NOT_FOUND" };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new CatalystError("ERR_CONFIG_UNREADABLE", `cannot read ${file}`, { cause });
  }
}

/** Where the two listeners are; a listener without an address is not opened. */
export function peeringBaseOf({ config, names }: Pick<Boot, "config" | "names">): PeeringBase {
  const { peer, egress } = config;
  return {
    node: names.node,
    egress: addressOf(egress.listen),
    ...(peer.listen === undefined ? {} : { peer: addressOf(peer.listen) }),
  };
}

function addressOf(listen: string): { readonly address: string; readonly port: number } {
  const { host, port } = hostPort(listen);
  return { address: host === "localhost" ? "127.0.0.1" : host, port };
}
