// One request from text to answer: find or prepare the document, check the token's scope against every service the plan
// touches, coerce variables, run, write. Invariant: the scope is checked after planning and before the first fetch, and the
// generation a request started with serves it to its end, whatever is applied meanwhile.

import { CatalystError } from "#rpc";
import type { ErrorCode } from "#rpc";
import type { Span, Tracing } from "#telemetry";
import type { ComposeThread } from "../compose/thread.ts";
import type { GatewayInstruments } from "../instruments.ts";
import type { LocalFields, RequestFault } from "../plan/program.ts";
import { coerceVariables, type Variables } from "./coerce.ts";
import type { Operation, PassThrough } from "./compile.ts";
import { ownFault } from "./fault.ts";
import { documentKey, type Generation, type Known } from "./generation.ts";
import { Run } from "./run.ts";
import { notes } from "./runtime.ts";
import { coveredBy, type Scope } from "./scope.ts";
import type { SendContext } from "./upstream.ts";

export interface GraphQLRequest {
  readonly document: string;
  readonly operationName: string | undefined;
  readonly variables: Readonly<Record<string, unknown>> | undefined;
  readonly headers: SendContext["headers"];
  /** Undefined = everything (connectivity tests). */
  readonly scope: Scope | undefined;
  /** GET carries queries only. */
  readonly queriesOnly: boolean;
}

export interface Answer {
  readonly status: number;
  readonly body: string | Buffer;
  /** `body` is a string of ASCII characters only: its length is its size. */
  readonly ascii: boolean;
}

export interface ExecutorTools {
  readonly thread: ComposeThread;
  readonly now: () => number;
  readonly instruments: GatewayInstruments | undefined;
  readonly tracing: Tracing | undefined;
}

const NOTHING_LOCAL: LocalFields = {};

export class Executor {
  readonly #thread: ComposeThread;
  readonly #now: () => number;
  readonly #instruments: GatewayInstruments | undefined;
  readonly #tracing: Tracing | undefined;
  #active = 0;

  constructor(tools: ExecutorTools) {
    this.#thread = tools.thread;
    this.#now = tools.now;
    this.#instruments = tools.instruments;
    this.#tracing = tools.tracing;
  }

  get active(): number {
    return this.#active;
  }

  /** Never rejects. */
  async execute(generation: Generation, request: GraphQLRequest): Promise<Answer> {
    const started = this.#instruments === undefined ? 0 : this.#now();
    const span = this.#tracing?.start("graphql.request", "server", traceparentOf(request));
    generation.pin();
    this.#active += 1;
    let kind: "query" | "mutation" | "invalid" = "invalid";
    let answer: Answer;
    try {
      let known = generation.documents.get(documentKey(request.document, request.operationName));
      this.#instruments?.planCache(known !== undefined);
      span?.set("cache.hit", known !== undefined);
      known ??= await prepare(generation, request, span);
      if (known.ok) kind = known.operation.kind;
      answer = await this.#run(generation, known, request, span);
    } catch (error) {
      answer = refusal(500, "ERR_INTERNAL", [{ message: "the gateway failed on this request" }]);
      if (error instanceof CatalystError) answer = refusal(503, error.code, [{ message: error.message }]);
    } finally {
      this.#active -= 1;
      generation.unpin();
    }
    if (span !== undefined) endSpan(span, kind, answer.status);
    this.#instruments?.request(kind, String(answer.status), (this.#now() - started) / 1_000);
    return answer;
  }

  #run(
    generation: Generation,
    known: Known,
    request: GraphQLRequest,
    span: Span | undefined,
  ): Answer | Promise<Answer> {
    if (!known.ok) {
      this.#instruments?.rejected(known.refusal.code);
      return refusal(400, known.refusal.code, known.refusal.faults);
    }
    const { operation } = known;
    if (request.queriesOnly && operation.kind !== "query") {
      return refusal(405, "ERR_QUERY_INVALID", [{ message: "a mutation must be sent by POST" }]);
    }
    const { scope } = request;
    if (scope !== undefined && scope !== "*") {
      for (const index of operation.services) {
        const upstream = generation.upstreams[index];
        if (upstream !== undefined && !coveredBy(scope, upstream)) {
          this.#instruments?.rejected("ERR_TOKEN_SCOPE");
          const message = `the token's scope does not cover the service ${upstream.name}`;
          return answerOf(403, { errors: [ownFault("ERR_TOKEN_SCOPE", message, upstream.name)] });
        }
      }
    }
    const coerced = coerceVariables(operation.variables, operation.inputs, request.variables);
    if (!coerced.ok) return refusal(400, "ERR_QUERY_INVALID", [{ message: coerced.message }]);
    const { limits } = generation.config;
    const run = new Run(
      generation.upstreams,
      coerced.variables,
      request.headers,
      this.#now,
      limits.requestMs,
      limits.answerBytes,
      span,
    );
    const { passThrough } = operation;
    if (passThrough !== undefined && generation.upstreams[passThrough.service]?.foreign === false) {
      return this.#forward(run, operation, passThrough);
    }
    return this.#execute(generation, run, operation, known);
  }

  async #execute(
    generation: Generation,
    run: Run,
    operation: Operation,
    known: Extract<Known, { ok: true }>,
  ): Promise<Answer> {
    let local = NOTHING_LOCAL;
    if (operation.local === "dynamic") {
      local = await this.#thread.local(generation.graph.key, known.document, known.name, run.variables);
    } else if (operation.local !== undefined) local = operation.local;
    if (operation.step !== undefined) await operation.step(run);
    return finish(run, operation, run.variables, local);
  }

  /** Sends the only fetch; where its bytes are plainly an answer without errors they are the answer. */
  async #forward(run: Run, operation: Operation, passThrough: PassThrough): Promise<Answer> {
    const upstream = run.upstreams[passThrough.service];
    if (upstream === undefined) return finish(run, operation, run.variables, NOTHING_LOCAL);
    const sent = await upstream.send(passThrough.body(run.variables), passThrough.operation, run);
    if (sent.ok && sent.status === 200 && isPlainAnswer(sent.bytes)) {
      this.#instruments?.passThrough();
      return { status: 200, body: sent.bytes, ascii: false };
    }
    passThrough.absorb(run, sent);
    return finish(run, operation, run.variables, NOTHING_LOCAL);
  }
}

/** The caller's word on whether this is traced; Envoy's, where one stands before us. */
function traceparentOf({ headers }: GraphQLRequest): string | undefined {
  const value = headers["traceparent"];
  return typeof value === "string" ? value : undefined;
}

async function prepare(
  generation: Generation,
  { document, operationName }: GraphQLRequest,
  request: Span | undefined,
): Promise<Known> {
  const span = request?.child("graphql.plan", "internal");
  try {
    const known = await generation.prepare(document, operationName);
    if (!known.ok) span?.fail(known.refusal.code);
    return known;
  } finally {
    span?.end();
  }
}

function endSpan(span: Span, kind: string, status: number): void {
  span.set("graphql.operation.type", kind);
  span.set("http.response.status_code", status);
  if (status >= 500) span.fail(String(status));
  span.end();
}

const HEAD = Buffer.from(`{"data":{`);
const CLOSING_BRACE = 0x7d;

/** `{"data":{…}}` without the words "errors" and "extensions" anywhere; whatever else it is takes the parsing path. */
function isPlainAnswer(bytes: Buffer): boolean {
  const { length } = bytes;
  return (
    length > HEAD.length &&
    bytes.compare(HEAD, 0, HEAD.length, 0, HEAD.length) === 0 &&
    bytes[length - 1] === CLOSING_BRACE &&
    bytes[length - 2] === CLOSING_BRACE &&
    !bytes.includes(`"errors"`, 0, "latin1") &&
    !bytes.includes(`"extensions"`, 0, "latin1")
  );
}

const EMPTY = Object.freeze({});

function finish(run: Run, operation: Operation, variables: Variables, local: LocalFields): Answer {
  notes.nil = undefined;
  notes.bad = undefined;
  const data = operation.project(run.data ?? EMPTY, variables, local);
  const { nil, bad } = notes;
  if (bad !== undefined)
    run.note(ownFault("ERR_SUBGRAPH_PROTOCOL", `a value of ${bad} does not fit its type`));
  // Where a service failed, the null has its error already.
  if (nil !== undefined && run.faults === undefined) {
    run.note(ownFault("ERR_SUBGRAPH_PROTOCOL", `cannot return null for non-nullable field ${nil}`));
  }
  const text = data ?? "null";
  if (run.faults === undefined) {
    return { status: 200, body: `{"data":${text}}`, ascii: run.ascii && local === NOTHING_LOCAL };
  }
  return { status: 200, body: `{"data":${text},"errors":${JSON.stringify(run.faults)}}`, ascii: false };
}

export function answerOf(status: number, value: object): Answer {
  return { status, body: JSON.stringify(value), ascii: false };
}

/** A request error: nothing was executed. */
export function refusal(status: number, code: ErrorCode, faults: readonly RequestFault[]): Answer {
  return answerOf(status, {
    errors: faults.map(({ message, locations, service }) => ({
      message,
      ...(locations !== undefined && { locations }),
      extensions: { code, ...(service !== undefined && { service }) },
    })),
  });
}
