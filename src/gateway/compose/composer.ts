// The composer behind our own interface: subgraphs in, supergraph text or named errors out. It is called without the rule that
// proves satisfiability (69 s for 100 services that share one entity, 0.25 s without); what that rule would find is found by
// `keyless.ts` in the common case, and by the planner, per query, in the rest. `disableValidationRules` lives in an argument
// called `__internal`: composer.test.ts notices when an upgrade moves it.

import { composeServices } from "@theguild/federation-composition";
import type { DocumentNode } from "graphql";
import { keylessConflicts } from "./keyless.ts";
import { repair } from "./repair.ts";

export interface Subgraph {
  readonly name: string;
  readonly document: DocumentNode;
}

export interface ComposeFault {
  readonly code: string;
  readonly text: string;
  /** The services it names; empty when it names none. */
  readonly services: readonly string[];
}

export type Composition =
  | { readonly ok: true; readonly supergraph: string; readonly api: string }
  | { readonly ok: false; readonly faults: readonly ComposeFault[] };

export type Composer = (subgraphs: readonly Subgraph[]) => Composition;

export const compose: Composer = (subgraphs) => {
  const conflicts = keylessConflicts(subgraphs);
  if (conflicts.length > 0) return { ok: false, faults: conflicts };
  const result = composeServices(
    subgraphs.map(({ name, document }) => ({ name, typeDefs: document, url: "" })),
    { disableValidationRules: ["SatisfiabilityRule"] },
  );
  if (result.errors === undefined) {
    return { ok: true, supergraph: repair(result.supergraphSdl, subgraphs), api: result.publicSdl };
  }
  const faults = result.errors.map(({ message, extensions }): ComposeFault => {
    const { code, subgraphName } = extensions;
    const services = subgraphs.flatMap(({ name }) =>
      name === subgraphName || message.includes(`"${name}"`) || message.startsWith(`[${name}]`) ? [name] : [],
    );
    return { code: typeof code === "string" ? code : "UNKNOWN", text: message.slice(0, 1_000), services };
  });
  return { ok: false, faults };
};
