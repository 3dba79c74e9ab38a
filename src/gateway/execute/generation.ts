// One configuration in force. A graph is what composition made of a set of schemas, with its prepared documents; a generation
// is a graph together with the addresses, limits and rules of one revision. So an endpoint that comes or goes makes a new
// generation in no time, over the same graph. Invariant: immutable but for pins and documents; freed once, when it is retired
// and nobody pins it.

import { CatalystError } from "#rpc";
import type { GatewayConfig, Quarantined } from "#rpc";
import type { ComposeThread } from "../compose/thread.ts";
import type { Prepared } from "../plan/program.ts";
import { compileProgram, type Operation } from "./compile.ts";
import { Documents } from "./documents.ts";
import { Upstream, type UpstreamTools } from "./upstream.ts";

/** What is known of a document: how to run it, or why not. */
export type Known =
  | {
      readonly ok: true;
      readonly operation: Operation;
      readonly document: string;
      readonly name: string | undefined;
    }
  | { readonly ok: false; readonly refusal: Extract<Prepared, { ok: false }> };

/** The composed schemas, as far as this thread knows them. */
export interface Graph {
  /** Hash over names, kinds and SDL. */
  readonly key: string;
  /** Services in the graph; a program names them by index. */
  readonly services: readonly string[];
  readonly quarantined: readonly Quarantined[];
  /** Generations that use it. */
  holders: number;
}

/** Document and operation name in one key. NUL is in no GraphQL name and in no valid document. */
export const documentKey = (document: string, operationName: string | undefined): string =>
  operationName === undefined ? document : `${document}\0${operationName}`;

export class Generation {
  readonly config: GatewayConfig;
  readonly graph: Graph;
  /** In the order of `graph.services`. */
  readonly upstreams: readonly Upstream[];
  readonly documents: Documents<Known>;
  /** Later revisions with the same hash only move this number. */
  revision: number;
  readonly #thread: ComposeThread;
  readonly #preparing: Map<string, Promise<Known>>;
  readonly #onFree: (generation: Generation) => void;
  #pins = 0;
  #retiring = false;

  constructor(
    config: GatewayConfig,
    graph: Graph,
    thread: ComposeThread,
    tools: UpstreamTools,
    previous: Generation | undefined,
    onFree: (generation: Generation) => void,
  ) {
    this.config = config;
    this.graph = graph;
    this.revision = config.revision;
    this.#thread = thread;
    this.#onFree = onFree;
    graph.holders += 1;
    const services = new Map(config.services.map((service) => [service.name, service]));
    this.upstreams = graph.services.flatMap((name) => {
      const service = services.get(name);
      return service === undefined ? [] : [new Upstream(service, tools)];
    });
    const { documents, documentsBytes } = config.limits;
    const same = previous !== undefined && previous.graph === graph && sameLimits(previous.config, config);
    this.documents = same ? previous.documents : new Documents(documents, documentsBytes);
    this.#preparing = same ? previous.#preparing : new Map();
  }

  get pins(): number {
    return this.#pins;
  }

  pin(): void {
    this.#pins += 1;
  }

  unpin(): void {
    this.#pins -= 1;
    if (this.#pins === 0 && this.#retiring) this.#free();
  }

  /** No new request will come; freed at once or with the last one under way. */
  retire(): void {
    this.#retiring = true;
    if (this.#pins === 0) this.#free();
  }

  #free(): void {
    for (const upstream of this.upstreams) upstream.release();
    this.graph.holders -= 1;
    this.#onFree(this);
  }

  /** Prepares a document that is not known yet; equal ones that arrive together are prepared once. */
  prepare(document: string, operationName: string | undefined, hits = 0): Promise<Known> {
    const key = documentKey(document, operationName);
    const under = this.#preparing.get(key);
    if (under !== undefined) return under;
    const made = this.#prepare(key, document, operationName, hits).finally(() => this.#preparing.delete(key));
    this.#preparing.set(key, made);
    return made;
  }

  async #prepare(
    key: string,
    document: string,
    operationName: string | undefined,
    hits: number,
  ): Promise<Known> {
    const { limits } = this.config;
    if (document.length > limits.documentBytes || Buffer.byteLength(document) > limits.documentBytes) {
      return refuse("ERR_QUERY_LIMIT", `the document is larger than ${limits.documentBytes} bytes`);
    }
    let prepared: Prepared;
    try {
      prepared = await this.#thread.prepare(this.graph.key, document, operationName, limits);
    } catch (error) {
      // Not kept: the next attempt may find the thread in better shape, unless the document was the cause.
      const limited = error instanceof CatalystError && error.code === "ERR_QUERY_LIMIT";
      const known = refuse("ERR_QUERY_LIMIT", limited ? error.message : "the document could not be prepared");
      if (limited) this.documents.set(key, known, weigh(key, 200));
      return known;
    }
    if (!prepared.ok) {
      const known: Known = { ok: false, refusal: prepared };
      this.documents.set(key, known, weigh(key, JSON.stringify(prepared.faults).length));
      return known;
    }
    const operation = compileProgram(prepared.program);
    const known: Known = { ok: true, operation, document, name: operationName };
    this.documents.set(key, known, weigh(key, JSON.stringify(prepared.program).length), hits);
    return known;
  }
}

/** Text in two places and the compiled code, which takes about three times its source. */
const weigh = (key: string, program: number): number => 2 * key.length + 4 * program + 500;

function refuse(code: "ERR_QUERY_LIMIT", message: string): Known {
  return { ok: false, refusal: { ok: false, code, faults: [{ message }] } };
}

function sameLimits(a: GatewayConfig, b: GatewayConfig): boolean {
  return JSON.stringify(a.limits) === JSON.stringify(b.limits);
}
