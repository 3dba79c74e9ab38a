// What passes between the serving thread and the compose thread. Requests carry an id and are answered in order, one answer
// each. Invariant: everything here is structured-cloneable plain data; graphs are named by a key the serving thread chooses.

import type { ForeignTerms, Quarantined } from "#rpc";
import type { GraphText, PrepareLimits } from "../plan/prepare.ts";
import type { LocalFields, Prepared } from "../plan/program.ts";

export interface SubgraphSdl {
  /** Full name of the service. */
  readonly name: string;
  /** Absent = as the SDL says itself. */
  readonly kind?: "federation" | "graphql";
  readonly sdl: string;
  /** Of another organization. */
  readonly foreign?: ForeignTerms;
}

export interface Composed {
  readonly graph: GraphText;
  readonly quarantined: readonly Quarantined[];
  readonly composeMs: number;
}

export interface Calls {
  /** Composes and keeps the graph under the key. */
  compose: {
    /** `after` = key of the graph that this one takes the place of, or its text where the thread does not have it. */
    request: { key: string; services: readonly SubgraphSdl[]; after?: string | GraphText };
    answer: Composed;
  };
  /** Gives a restarted thread a graph it does not have. */
  load: { request: { key: string; graph: GraphText }; answer: null };
  prepare: {
    request: { key: string; document: string; operationName?: string; limits: PrepareLimits };
    answer: Prepared;
  };
  local: {
    request: {
      key: string;
      document: string;
      operationName?: string;
      variables: Readonly<Record<string, unknown>>;
    };
    answer: LocalFields;
  };
  drop: { request: { key: string }; answer: null };
}

export type CallName = keyof Calls;

export type Request = { [Name in CallName]: { id: number; call: Name } & Calls[Name]["request"] }[CallName];

export type Answer =
  | { readonly id: number; readonly ok: true; readonly answer: unknown }
  | { readonly id: number; readonly ok: false; readonly missing: boolean; readonly text: string };
