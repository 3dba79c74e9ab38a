// The serving thread's side of the compose thread: starts it on demand, bounds every call in time, ends it when it hangs or
// has been idle, and gives a new one the graphs it needs. Invariant: a call settles exactly once; only the call that ran out of
// time fails for it, those that waited behind it are sent again.

import { Worker } from "node:worker_threads";
import { CatalystError } from "#rpc";
import type { GraphText, PrepareLimits } from "../plan/prepare.ts";
import type { LocalFields, Prepared } from "../plan/program.ts";
import type { Answer, CallName, Calls, Composed, Request, SubgraphSdl } from "./message.ts";

export interface ThreadOptions {
  /** Time one composition may take. */
  readonly composeTimeoutMs: number;
  /** Time one document may take from text to program. */
  readonly prepareTimeoutMs: number;
  /** Ends the thread after this long without work, for its memory; 0 = never. */
  readonly idleMs: number;
  /** Calls that may wait; more are refused. */
  readonly pendingMax: number;
  /** Bound of the thread's memory; a schema or document that needs more ends the thread, not the process. */
  readonly heapMb: number;
  /** The thread's program; a bundle gives its own. */
  readonly url: URL;
}

export const THREAD_DEFAULTS: ThreadOptions = {
  composeTimeoutMs: 5_000,
  prepareTimeoutMs: 2_000,
  idleMs: 30_000,
  pendingMax: 512,
  heapMb: 768,
  url: new URL("./worker.ts", import.meta.url),
};

interface Pending {
  readonly request: Request;
  readonly timeoutMs: number;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export class ComposeThread {
  readonly #options: ThreadOptions;
  #worker: Worker | undefined;
  /** Answered in order: the first one is the one at work. */
  #queue: Pending[] = [];
  /** Every graph in use as text, and whether the running thread has it. */
  readonly #graphs = new Map<string, { text: GraphText; loaded: boolean }>();
  #timer: NodeJS.Timeout | undefined;
  #ids = 0;
  #closed = false;

  constructor(options: Partial<ThreadOptions> = {}) {
    this.#options = { ...THREAD_DEFAULTS, ...options };
  }

  get running(): boolean {
    return this.#worker !== undefined;
  }

  async compose(key: string, services: readonly SubgraphSdl[], after?: string): Promise<Composed> {
    const before = after === undefined ? undefined : this.#graphs.get(after);
    const told = before?.loaded === true ? after : before?.text;
    const request = { key, services, ...(told !== undefined && { after: told }) };
    const composed = await this.#call("compose", request, this.#options.composeTimeoutMs);
    this.#graphs.set(key, { text: composed.graph, loaded: this.#worker !== undefined });
    return composed;
  }

  /** A graph that needs no composition. */
  adopt(key: string, text: GraphText): void {
    this.#graphs.set(key, { text, loaded: false });
  }

  prepare(
    key: string,
    document: string,
    operationName: string | undefined,
    limits: PrepareLimits,
  ): Promise<Prepared> {
    const { tokens, depth, aliases, rootFields, introspection } = limits;
    return this.#withGraph("prepare", {
      key,
      document,
      ...(operationName !== undefined && { operationName }),
      limits: { tokens, depth, aliases, rootFields, introspection },
    });
  }

  local(
    key: string,
    document: string,
    operationName: string | undefined,
    variables: Readonly<Record<string, unknown>>,
  ): Promise<LocalFields> {
    return this.#withGraph("local", {
      key,
      document,
      variables,
      ...(operationName !== undefined && { operationName }),
    });
  }

  api(key: string): string | undefined {
    return this.#graphs.get(key)?.text.api;
  }

  drop(key: string): void {
    const known = this.#graphs.get(key);
    if (known === undefined) return;
    this.#graphs.delete(key);
    if (known.loaded && this.#worker !== undefined) {
      this.#call("drop", { key }, this.#options.prepareTimeoutMs).catch(ignoreEnd);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    this.#end(new CatalystError("ERR_RPC_CLOSED", "the gateway is closing"));
    await worker?.terminate();
  }

  #withGraph<Name extends "prepare" | "local">(
    call: Name,
    request: Calls[Name]["request"],
  ): Promise<Calls[Name]["answer"]> {
    const known = this.#graphs.get(request.key);
    if (known !== undefined && !known.loaded) {
      known.loaded = true;
      this.#call("load", { key: request.key, graph: known.text }, this.#options.composeTimeoutMs).catch(
        ignoreEnd,
      );
    }
    return this.#call(call, request, this.#options.prepareTimeoutMs).catch((error: unknown) => {
      // The thread was exchanged under our feet: the graph is loaded into the new one and the call repeated, once.
      if (!(error instanceof CatalystError) || error.code !== "ERR_NOT_FOUND" || known === undefined)
        throw error;
      known.loaded = true;
      this.#call("load", { key: request.key, graph: known.text }, this.#options.composeTimeoutMs).catch(
        ignoreEnd,
      );
      return this.#call(call, request, this.#options.prepareTimeoutMs);
    });
  }

  #call<Name extends CallName>(
    call: Name,
    fields: Calls[Name]["request"],
    timeoutMs: number,
  ): Promise<Calls[Name]["answer"]> {
    if (this.#closed) return Promise.reject(new CatalystError("ERR_RPC_CLOSED", "the gateway is closing"));
    if (this.#queue.length >= this.#options.pendingMax) {
      return Promise.reject(new CatalystError("ERR_LIMIT", "too many new documents at once, try again"));
    }
    return new Promise((resolve, reject) => {
      const request = { id: ++this.#ids, call, ...fields } as Request;
      const pending: Pending = { request, timeoutMs, resolve: resolve as (answer: unknown) => void, reject };
      this.#queue.push(pending);
      this.#start().postMessage(request);
      if (this.#queue.length === 1) this.#watch();
    });
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    // Diagnostics of the libraries in there must not reach the output of the node.
    const worker = new Worker(this.#options.url, {
      stdout: true,
      stderr: true,
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: this.#options.heapMb },
    });
    worker.stdout.resume();
    worker.stderr.resume();
    worker.on("message", (answer: Answer) => this.#settle(worker, answer));
    worker.on("error", (error: unknown) => this.#crashed(worker, error));
    worker.on("exit", () => this.#crashed(worker, new Error("the compose thread ended")));
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  #settle(worker: Worker, answer: Answer): void {
    if (worker !== this.#worker) return;
    const first = this.#queue.shift();
    if (first === undefined || first.request.id !== answer.id) return;
    if (answer.ok) first.resolve(answer.answer);
    else first.reject(new CatalystError(answer.missing ? "ERR_NOT_FOUND" : "ERR_INTERNAL", answer.text));
    this.#watch();
  }

  /** Time limit of the call at work, or of idleness. */
  #watch(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const first = this.#queue[0];
    if (first !== undefined) {
      this.#timer = setTimeout(() => this.#overdue(first), first.timeoutMs);
    } else if (this.#options.idleMs > 0 && this.#worker !== undefined) {
      this.#timer = setTimeout(() => this.#stop(), this.#options.idleMs);
      this.#timer.unref();
    }
  }

  #overdue(pending: Pending): void {
    const code = pending.request.call === "compose" ? "ERR_COMPOSE_TIMEOUT" : "ERR_QUERY_LIMIT";
    const what = pending.request.call === "compose" ? "composition" : "preparing the document";
    this.#queue = this.#queue.filter((other) => other !== pending);
    pending.reject(new CatalystError(code, `${what} took longer than ${pending.timeoutMs} ms`));
    this.#restart();
  }

  #crashed(worker: Worker, error: unknown): void {
    if (worker !== this.#worker) return;
    // Whoever was at work is the suspect (memory, a defect of a library); the others are innocent.
    this.#queue
      .shift()
      ?.reject(
        new CatalystError("ERR_INTERNAL", "the compose thread failed on this request", { cause: error }),
      );
    this.#restart();
  }

  #restart(): void {
    this.#stop();
    const waiting = this.#queue;
    this.#queue = [];
    if (this.#closed || waiting.length === 0) return;
    const keys = new Set(waiting.map(({ request }) => request.key));
    const loads = new Set(waiting.flatMap(({ request }) => (request.call === "load" ? [request.key] : [])));
    for (const key of keys) {
      const known = this.#graphs.get(key);
      if (known === undefined) continue;
      known.loaded = true;
      if (!loads.has(key)) {
        this.#call("load", { key, graph: known.text }, this.#options.composeTimeoutMs).catch(ignoreEnd);
      }
    }
    for (const pending of waiting) {
      this.#queue.push(pending);
      this.#start().postMessage(pending.request);
    }
    this.#watch();
  }

  #stop(): void {
    clearTimeout(this.#timer);
    const worker = this.#worker;
    this.#worker = undefined;
    for (const graph of this.#graphs.values()) graph.loaded = false;
    worker?.terminate().catch(ignoreEnd);
  }

  #end(error: CatalystError): void {
    const waiting = this.#queue;
    this.#queue = [];
    for (const pending of waiting) pending.reject(error);
    this.#stop();
  }
}

/** A call whose only purpose was the thread's memory: when the thread is gone, so is the purpose. */
function ignoreEnd(): void {}
