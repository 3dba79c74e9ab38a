// One supervised process: start, ready by probe, restart with backoff, stop. Knows nothing of the other parts.
// Invariant: at most one process of a part lives at a time, and each start is followed by exactly one end.

import type { ChildProcess } from "node:child_process";
import { rmSync } from "node:fs";
import type { Ports } from "#kernel";
import type { PartState, PartStatus } from "#rpc";
import { Backoff } from "./backoff.ts";
import { errorWords, LineSplitter } from "./lines.ts";
import { ENV, type PartPlan } from "./plan.ts";
import { MISSED_MAX, Pulse, PULSE_EVERY_MS } from "./pulse.ts";
import { runs, spawnPart } from "./spawn.ts";
import { unixRequest } from "./unix-http.ts";

/** Between two questions while a part starts: short, because it is part of the time to recover. */
const PROBE_EVERY_MS = 20;
const PROBE_TIMEOUT_MS = 1_000;
/** A part that is not ready after this long is started anew; a cold start on a slow machine is far below. */
export const READY_WITHIN_MS = 60_000;

export interface PartEvents {
  changed(part: Part): void;
  line(part: string, line: string): void;
  /** Asks it whether it is still there (`hello` parts); `answered` takes the answer. */
  ask?(part: PartPlan["name"], pid: number): void;
  /** It ended `giveUpAfter` times and was never ready. */
  gaveUp(part: Part): void;
}

export class Part {
  readonly plan: PartPlan;
  readonly #ports: Ports;
  readonly #events: PartEvents;
  readonly #setpriv: string | undefined;
  readonly #backoff: Backoff;
  #child: ChildProcess | undefined;
  /** Before its turn has come it is on its way as well. */
  #state: PartState = "starting";
  #reason: string | undefined;
  /** What is known of it apart from a silence, after which it stands again. */
  #known: { readonly state: PartState; readonly reason: string | undefined } | undefined;
  #restarts = 0;
  #startedAt = 0;
  #everReady = false;
  #failedStarts = 0;
  #stopping = false;
  /** What it said last before it ended, as far as it explains the end. */
  #lastLine = "";
  #late = false;
  readonly #pulse: Pulse;
  readonly #pulseMs: number;
  #cancelTimer: () => void = () => {};
  #extraEnv: Readonly<Record<string, string>> = {};
  #ended: Promise<void> = Promise.resolve();

  constructor(plan: PartPlan, ports: Ports, events: PartEvents, setpriv: string | undefined) {
    this.plan = plan;
    this.#ports = ports;
    this.#events = events;
    this.#setpriv = setpriv;
    this.#backoff = new Backoff(ports.random);
    this.#pulseMs = plan.pulseMs ?? PULSE_EVERY_MS;
    this.#pulse = new Pulse(ports.clock, this.#pulseMs, {
      ask: () => this.#ask(),
      missed: (count) => {
        if (count === 1) this.#known = { state: this.#state, reason: this.#reason };
        this.#set("degraded", this.#silence(count));
      },
      back: () => {
        if (this.#known !== undefined) this.#set(this.#known.state, this.#known.reason);
      },
      dead: () => {
        this.#lastLine = this.#silence(MISSED_MAX);
        this.#late = true;
        this.#kill("SIGKILL");
      },
    });
  }

  get name(): PartPlan["name"] {
    return this.plan.name;
  }

  get state(): PartState {
    return this.#state;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  status(): PartStatus {
    const running = this.#child !== undefined;
    return {
      name: this.plan.name,
      state: this.#state,
      restarts: this.#restarts,
      ...(this.pid === undefined ? {} : { pid: this.pid }),
      ...(running ? { uptimeMs: Math.round(this.#ports.clock.monotonic() - this.#startedAt) } : {}),
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
    };
  }

  /** `early`: a process of this part that waits for its boot file already; taken over if it lives. */
  start(extraEnv: Readonly<Record<string, string>> = this.#extraEnv, early?: ChildProcess): void {
    if (this.#child !== undefined) return;
    this.#extraEnv = extraEnv;
    this.#stopping = false;
    this.#startedAt = this.#ports.clock.monotonic();
    this.#lastLine = "";
    this.#late = false;
    for (const socket of this.plan.unlink ?? []) rmSync(socket, { force: true });
    const child =
      early !== undefined && runs(early)
        ? early
        : spawnPart(this.plan, { ...extraEnv, [ENV.restarts]: String(this.#restarts) }, this.#setpriv);
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      child.once("close", () => resolve());
      child.once("error", () => resolve());
    });
    this.#listen(child);
    if (this.plan.boot !== undefined) child.stdin?.write(`${this.plan.boot}\n`);
    this.#set("starting", undefined);
    if (this.plan.ready !== "hello") this.#probe(child, this.plan.ready);
    this.#cancelTimer = this.#ports.clock.after(READY_WITHIN_MS, () => {
      if (this.#child !== child || this.#state !== "starting") return;
      this.#lastLine = `not ready within ${READY_WITHIN_MS / 1000} s`;
      this.#late = true;
      this.#kill("SIGKILL");
    });
  }

  /** What the part says of itself (`hello` parts). */
  heard(ready: boolean, reason: string | undefined): void {
    if (this.#child === undefined || this.#stopping) return;
    this.#pulse.answered();
    if (ready) this.#becomeReady(reason);
    else if (this.#state === "ready" || this.#state === "degraded") this.#set("degraded", reason);
    else this.#set("starting", reason);
  }

  /** It answered `ask`. */
  answered(): void {
    this.#pulse.answered();
  }

  /** Ends it for good: SIGTERM, after `graceMs` SIGKILL. Resolves when it is gone. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    this.#cancelTimer();
    this.#pulse.stop();
    if (this.#child === undefined) {
      this.#set("stopped", undefined);
      return;
    }
    this.#kill("SIGTERM");
    const cancel = this.#ports.clock.after(graceMs, () => this.#kill("SIGKILL"));
    await this.#ended;
    cancel();
  }

  /** Immediately, without waiting. */
  kill(): void {
    this.#stopping = true;
    this.#cancelTimer();
    this.#pulse.stop();
    this.#kill("SIGKILL");
  }

  /** A new process at once, with other environment if given. */
  async restart(graceMs: number, extraEnv = this.#extraEnv): Promise<void> {
    await this.stop(graceMs);
    this.#backoff.reset();
    this.#restarts += 1;
    this.start(extraEnv);
  }

  /** Out of the node until the next start of it. */
  markAbsent(reason: string): void {
    this.#stopping = true;
    this.#cancelTimer();
    this.#pulse.stop();
    this.#set("absent", reason);
  }

  #set(state: PartState, reason: string | undefined): void {
    const changed = state !== this.#state || reason !== this.#reason;
    this.#state = state;
    this.#reason = reason;
    if (changed) this.#events.changed(this);
  }

  #becomeReady(reason: string | undefined): void {
    this.#cancelTimer();
    this.#everReady = true;
    this.#failedStarts = 0;
    this.#set("ready", reason);
    if (this.plan.ready !== "hello" || this.#events.ask !== undefined) this.#pulse.start();
  }

  #silence(count: number): string {
    return `has not answered for ${Math.round((count * this.#pulseMs) / 1000)} s`;
  }

  #ask(): void {
    const { ready } = this.plan;
    const child = this.#child;
    if (child?.pid === undefined) return;
    if (ready === "hello") this.#events.ask?.(this.name, child.pid);
    else
      // Any answer is a sign of life: an Envoy that drains is not ready, and does not hang.
      unixRequest(ready.socket, "GET", ready.path, this.#pulseMs).then(
        () => {
          if (this.#child === child) this.#pulse.answered();
        },
        () => undefined, // what does not answer says so by that: the pulse counts it
      );
  }

  #probe(child: ChildProcess, ready: { readonly socket: string; readonly path: string }): void {
    const ask = async (): Promise<void> => {
      if (this.#child !== child || this.#state !== "starting") return;
      const ok = await unixRequest(ready.socket, "GET", ready.path, PROBE_TIMEOUT_MS).then(
        (answer) => answer.status === 200,
        () => false,
      );
      if (this.#child !== child || this.#stopping) return;
      if (ok) this.#becomeReady(undefined);
      else this.#ports.clock.after(PROBE_EVERY_MS, () => void ask());
    };
    void ask();
  }

  #listen(child: ChildProcess): void {
    const out = (line: string): void => {
      this.#lastLine = errorWords(line) ?? this.#lastLine;
      this.#events.line(this.plan.name, line);
    };
    const err = (line: string): void => {
      this.#lastLine = line;
      this.#events.line(this.plan.name, line);
    };
    for (const [stream, sink] of [
      [child.stdout, out],
      [child.stderr, err],
    ] as const) {
      const splitter = new LineSplitter(sink);
      stream?.setEncoding("utf8");
      stream?.on("data", (chunk: string) => splitter.push(chunk));
      stream?.on("end", () => splitter.end());
    }
    // EPIPE of a part that closed its stdin is no news; its end is.
    child.stdin?.on("error", () => {});
    let over = false;
    const ended = (why: string, killed: boolean): void => {
      if (over) return;
      over = true;
      child.stdin?.destroy();
      this.#onEnd(child, why, killed);
    };
    child.once("error", (error) => ended(error.message, false));
    child.once("close", (code, signal) =>
      ended(signal === null ? `ended with ${code}` : `ended by ${signal}`, signal === "SIGKILL"),
    );
  }

  #onEnd(child: ChildProcess, why: string, killed: boolean): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#cancelTimer();
    this.#pulse.stop();
    if (this.#stopping) {
      if (this.#state !== "absent") this.#set("stopped", undefined);
      return;
    }
    const wasReady = this.#state === "ready" || this.#state === "degraded";
    // A process that somebody killed said nothing about it, and may well start the next time.
    const explained = (!killed || this.#late) && this.#lastLine !== "";
    const reason = explained ? `${why}: ${this.#lastLine.slice(0, 300)}` : why;
    if (!wasReady && (!killed || this.#late)) this.#failedStarts += 1;
    if (
      !this.#everReady &&
      this.plan.giveUpAfter !== undefined &&
      this.#failedStarts >= this.plan.giveUpAfter
    ) {
      this.#set(this.name === "envoy" ? "absent" : "stopped", reason);
      this.#events.gaveUp(this);
      return;
    }
    const waitMs = this.#backoff.next(this.#ports.clock.monotonic() - this.#startedAt);
    this.#restarts += 1;
    this.#set("backoff", reason);
    this.#cancelTimer = this.#ports.clock.after(waitMs, () => this.start());
  }

  #kill(signal: NodeJS.Signals): void {
    const pid = this.#child?.pid;
    if (pid === undefined) return;
    try {
      // SIGKILL goes to the whole group: a watching shell would otherwise leave what it watches behind.
      process.kill(signal === "SIGKILL" ? -pid : pid, signal);
    } catch {
      // It ended in this moment; its "close" event tells the rest.
      return;
    }
  }
}
