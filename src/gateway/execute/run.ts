// One execution of one operation: the tree that services' answers are merged into, and the faults met on the way. Made per
// request, so it stays small; what is the same for all requests of an operation is in the closures. Invariant: `data` is only
// changed between awaits, so branches that run side by side never see a half merged entity.

import type { Span } from "#telemetry";
import type { Admit } from "./border.ts";
import type { Variables } from "./coerce.ts";
import { FAULTS_MAX, ownFault, serviceFault, type Fault } from "./fault.ts";
import type { JsonObject, ResponsePath } from "./merge.ts";
import { isObject } from "./merge.ts";
import type { SendCode, SendContext, Upstream } from "./upstream.ts";
import { isAscii } from "node:buffer";

const TEXTS: Readonly<Record<SendCode, string>> = {
  ERR_SUBGRAPH_UNREACHABLE: "the service cannot be reached",
  ERR_SUBGRAPH_TIMEOUT: "the service did not answer in time",
  ERR_SUBGRAPH_STATUS: "the service answered with an HTTP error",
  ERR_SUBGRAPH_PROTOCOL: "the service answered with something that is not GraphQL",
  ERR_SUBGRAPH_OPEN: "the service failed repeatedly and is left alone for a moment",
  ERR_QUERY_TIMEOUT: "the request's deadline passed before the service answered",
};

const MISFIT = "the service answered with something that its schema does not promise";

export interface ServiceAnswer {
  readonly data: JsonObject | undefined;
  readonly errors: readonly unknown[] | undefined;
}

export class Run {
  readonly upstreams: readonly Upstream[];
  readonly variables: Variables;
  readonly headers: SendContext["headers"];
  readonly span: Span | undefined;
  readonly #deadline: number;
  readonly #now: () => number;
  /** Left of the limit on what all services together may answer. */
  #bytesLeft: number;
  data: JsonObject | undefined;
  faults: Fault[] | undefined;
  /** Everything merged so far was ASCII, so the answer is too. */
  ascii = true;

  constructor(
    upstreams: readonly Upstream[],
    variables: Variables,
    headers: SendContext["headers"],
    now: () => number,
    requestMs: number,
    bytesMax: number,
    span: Span | undefined,
  ) {
    this.upstreams = upstreams;
    this.variables = variables;
    this.headers = headers;
    this.span = span;
    this.#now = now;
    this.#deadline = now() + requestMs;
    this.#bytesLeft = bytesMax;
  }

  get leftMs(): number {
    return this.#deadline - this.#now();
  }

  get bytesMax(): number {
    return this.#bytesLeft;
  }

  fail(code: SendCode, upstream: Upstream): void {
    this.note(ownFault(code, TEXTS[code], upstream.name));
  }

  note(fault: Fault): void {
    if (this.faults === undefined) this.faults = [fault];
    else if (this.faults.length < FAULTS_MAX) this.faults.push(fault);
  }

  noteErrors(
    errors: readonly unknown[] | undefined,
    upstream: Upstream,
    place: (path: ResponsePath) => ResponsePath | undefined,
  ): void {
    for (const error of errors?.slice(0, FAULTS_MAX) ?? []) {
      this.note(serviceFault(error, upstream.name, upstream.foreign, place));
    }
  }

  /** Bytes became part of the answer without being parsed. */
  took(bytes: number, ascii: boolean): void {
    this.#bytesLeft -= bytes;
    if (!ascii) this.ascii = false;
  }

  /** Parses what a service answered; undefined, and a fault noted, when it is not GraphQL. */
  parse(bytes: Buffer, status: number, upstream: Upstream, admit?: Admit): ServiceAnswer | undefined {
    this.#bytesLeft -= bytes.length;
    const ascii = isAscii(bytes);
    let answer: unknown;
    try {
      answer = JSON.parse(ascii ? bytes.toString("latin1") : bytes.toString("utf8"));
    } catch {
      answer = undefined;
    }
    if (isObject(answer)) {
      const { data, errors } = answer;
      if (isObject(data) || Array.isArray(errors)) {
        if (!ascii) this.ascii = false;
        const admitted = admit === undefined || !isObject(data) ? undefined : admit(data);
        if (admitted?.misfit === true) this.note(ownFault("ERR_SUBGRAPH_PROTOCOL", MISFIT, upstream.name));
        return {
          data: admitted?.data ?? (isObject(data) ? data : undefined),
          errors: Array.isArray(errors) ? errors : undefined,
        };
      }
    }
    this.fail(status >= 300 ? "ERR_SUBGRAPH_STATUS" : "ERR_SUBGRAPH_PROTOCOL", upstream);
    return undefined;
  }
}
