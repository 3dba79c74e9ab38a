// The parts of one node as siblings: starts them in order (in parallel where nothing is lost by it), restarts each alone,
// leaves Envoy out where it cannot run, stops all in the order that loses no request. Pure process handling: the same class
// runs in the supervisor process (`split`) and, for Envoy alone, inside the single process (`one`).

import type { ChildProcess } from "node:child_process";
import type { Ports } from "#kernel";
import type { PartName, PartStatus } from "#rpc";
import { findProgram } from "./guard.ts";
import type { Level } from "./lines.ts";
import { Part } from "./part.ts";
import type { NodePlan } from "./plan.ts";
import { unixRequest } from "./unix-http.ts";

/** How often the drain looks whether clients are still there. */
const DRAIN_POLL_MS = 50;
/** What a part gets between SIGTERM and SIGKILL after the drain; the whole stop stays below `drain` + 2 s. */
const TERM_GRACE_MS = 1_000;

type Early = ReadonlyMap<PartName, ChildProcess>;

export interface SupervisorEvents {
  /** After every change of any part. */
  changed(parts: readonly PartStatus[]): void;
  line(part: string, line: string): void;
  say(level: Level, text: string, fields?: object): void;
  /** A part without which there is no node does not start, again and again. Whoever hears it stops the node. */
  failed?(part: PartName, reason: string): void;
  /** Asks a part, by its session, whether it is still there; `answered` takes the answer. */
  ask?(part: PartName, pid: number): void;
  /** False where it runs a part of the node only, and says nothing of the whole. */
  readonly serves?: boolean;
}

export class Supervisor {
  readonly #plan: NodePlan;
  readonly #ports: Ports;
  readonly #events: SupervisorEvents;
  readonly #parts: readonly Part[];
  readonly #waiting = new Set<Part>();
  #withoutEnvoy: string | undefined;
  #stopping = false;
  #announced = false;
  readonly #startedAt: number;

  constructor(plan: NodePlan, ports: Ports, events: SupervisorEvents) {
    this.#plan = plan;
    this.#ports = ports;
    this.#events = events;
    this.#startedAt = ports.clock.monotonic();
    this.#withoutEnvoy = plan.envoyAbsent;
    const setpriv = findProgram("setpriv", process.env["PATH"] ?? "");
    const hooks = {
      changed: (part: Part) => this.#changed(part),
      line: (part: string, line: string) => events.line(part, line),
      gaveUp: (part: Part) => this.#leaveOut(part),
      ...(events.ask === undefined ? {} : { ask: (name: PartName, pid: number) => events.ask?.(name, pid) }),
    };
    this.#parts = plan.parts.map((part) => new Part(part, ports, hooks, setpriv));
  }

  parts(): readonly PartStatus[] {
    const known = this.#parts.map((part) => part.status());
    const envoyPlanned = known.some((part) => part.name === "envoy");
    return envoyPlanned || this.#withoutEnvoy === undefined
      ? known
      : [...known, { name: "envoy", state: "absent", restarts: 0, reason: this.#withoutEnvoy }];
  }

  get envoyAbsent(): string | undefined {
    return this.#withoutEnvoy;
  }

  /** `early`: processes that wait for their part already. */
  start(early: Early = new Map()): void {
    for (const part of this.#parts) this.#waiting.add(part);
    this.#startWaiting(early);
  }

  /** A part told of itself. `pid` must be the one that was started: a process of an earlier life has no say. */
  heard(name: PartName, pid: number, ready: boolean, reason: string | undefined): void {
    const part = this.#part(name);
    if (part?.pid === pid) part.heard(ready, reason);
  }

  /** A part answered `ask`. */
  answered(name: PartName, pid: number): void {
    const part = this.#part(name);
    if (part?.pid === pid) part.answered();
  }

  async restart(name: PartName): Promise<void> {
    await this.#part(name)?.restart(TERM_GRACE_MS);
  }

  /** Drains and ends everything. Resolves when all processes are gone. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#waiting.clear();
    const gateway = this.#part("gateway");
    const envoy = this.#part("envoy");
    const orchestrator = this.#part("orchestrator");
    const envoyServes = envoy?.state === "ready";
    // The orchestrator goes first: it says `drain` to the services' SDKs, and nothing is published any more.
    const early = orchestrator?.stop(this.#plan.drainMs + TERM_GRACE_MS);
    if (envoyServes) await this.#drainEnvoy();
    // Without Envoy the gateway itself holds the clients and drains them.
    const gatewayGraceMs = envoyServes ? TERM_GRACE_MS : this.#plan.drainMs + TERM_GRACE_MS;
    await Promise.all([gateway?.stop(gatewayGraceMs), envoy?.stop(TERM_GRACE_MS)]);
    // To one that is ending a second SIGTERM is the end at once: the orchestrator still takes leave of peers.
    const rest = this.#parts.filter((part) => part !== orchestrator);
    await Promise.all([early, ...rest.map((part) => part.stop(TERM_GRACE_MS))]);
  }

  /** Ends everything now. */
  kill(): void {
    this.#stopping = true;
    for (const part of this.#parts) part.kill();
  }

  #part(name: PartName): Part | undefined {
    return this.#parts.find((part) => part.name === name);
  }

  #startWaiting(early?: Early): void {
    for (const part of this.#waiting) {
      const blocked = (part.plan.after ?? []).some((name) => {
        const before = this.#part(name);
        return before !== undefined && before.state !== "ready" && before.state !== "absent";
      });
      if (blocked) continue;
      this.#waiting.delete(part);
      const env = this.#withoutEnvoy === undefined ? {} : (part.plan.envWithoutEnvoy ?? {});
      part.start(env, early?.get(part.name));
    }
  }

  #changed(part: Part): void {
    const { name, state, reason, pid } = part.status();
    const fields = { subject: name, ...(pid === undefined ? {} : { child: pid }) };
    if (state === "backoff") this.#events.say("warn", `${name} ${reason ?? "ended"}, starts again`, fields);
    else if (state === "ready" && reason === undefined && !this.#stopping)
      this.#events.say("info", `${name} is ready`, fields);
    else if (state === "degraded") this.#events.say("warn", `${name}: ${reason ?? "degraded"}`, fields);
    if (!this.#stopping) this.#startWaiting();
    this.#events.changed(this.parts());
    this.#announce();
  }

  /** Says once that the node serves. */
  #announce(): void {
    if (this.#announced || this.#stopping || this.#events.serves === false) return;
    const parts = this.parts();
    if (!parts.every((part) => part.state === "ready" || part.state === "absent")) return;
    // A part that is ready with a reason waits for something still: the orchestrator for Envoy to take ingress.
    const waits = parts.some((part) => part.state === "ready" && part.reason !== undefined);
    if (waits && this.#withoutEnvoy === undefined) return;
    this.#announced = true;
    const ms = Math.round(this.#ports.clock.monotonic() - this.#startedAt);
    const how = this.#withoutEnvoy === undefined ? "" : `, without Envoy: ${this.#withoutEnvoy}`;
    this.#events.say("info", `node ${this.#plan.node} serves at ${this.#plan.ingress}${how}`, { ms });
  }

  /** Envoy cannot run here: the gateway takes its place at ingress. Nobody takes another part's place. */
  #leaveOut(part: Part): void {
    if (this.#stopping) return;
    const reason = part.status().reason ?? "it does not start";
    if (part.name !== "envoy") {
      this.#events.failed?.(part.name, reason);
      return;
    }
    this.#withoutEnvoy = reason;
    this.#events.say("warn", `Envoy cannot start here, the gateway serves ingress itself: ${reason}`);
    for (const other of this.#parts) {
      const env = other.plan.envWithoutEnvoy;
      if (env === undefined || this.#waiting.has(other)) continue;
      void other.restart(TERM_GRACE_MS, env);
    }
  }

  /** Asks Envoy to let its clients go and waits until they are gone or the time is over. */
  async #drainEnvoy(): Promise<void> {
    const socket = this.#plan.envoyAdmin;
    if (socket === undefined || this.#plan.drainMs === 0) return;
    const deadline = this.#ports.clock.monotonic() + this.#plan.drainMs;
    try {
      await unixRequest(socket, "POST", "/drain_listeners?graceful", 1_000);
      while (this.#ports.clock.monotonic() < deadline) {
        if ((await this.#clients(socket)) === 0) return;
        await new Promise<void>((resolve) => this.#ports.clock.after(DRAIN_POLL_MS, resolve));
      }
    } catch (error) {
      this.#events.say(
        "warn",
        `Envoy did not drain: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  async #clients(socket: string): Promise<number> {
    const answer = await unixRequest(
      socket,
      "GET",
      "/stats?usedonly&filter=%5Elistener%5C..*downstream_cx_active%24",
      1_000,
    );
    let total = 0;
    for (const line of answer.body.split("\n")) {
      const [, name = "", count = "0"] =
        /^listener\.(.+)\.downstream_cx_active: (\d+)/.exec(line.trim()) ?? [];
      // The admin listener counts this very question.
      if (name !== "" && !name.startsWith("admin")) total += Number(count);
    }
    return total;
  }
}
