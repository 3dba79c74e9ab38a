// The composer behind our own interface: subgraphs in, supergraph text or named errors out. It is called without the rule that
// proves satisfiability (69 s for 100 services that share one entity, 0.25 s without); what that rule would find is found by
// `keyless.ts` in the common case, and by the planner, per query, in the rest. `disableValidationRules` lives in an argument
// called `__internal`: composer.test.ts notices when an upgrade moves it.

import { composeServices } from "@theguild/federation-composition";
import { visit, type DocumentNode } from "graphql";
import type { SectionText } from "../plan/section.ts";
import { footprint } from "./footprint.ts";
import { keylessConflicts } from "./keyless.ts";
import { repair, repairApi } from "./repair.ts";

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
  | { readonly ok: true; readonly sections: readonly SectionText[]; readonly api: string }
  | { readonly ok: false; readonly faults: readonly ComposeFault[] };

export type Composer = (subgraphs: readonly Subgraph[]) => Composition;

export const compose: Composer = (subgraphs) => {
  const conflicts = keylessConflicts(subgraphs);
  if (conflicts.length > 0) return { ok: false, faults: conflicts };
  const ids = subgraphs.map(({ document }, index) => graphId(document, index));
  const named = subgraphs.map(({ document }, index) => ({ name: ids[index] ?? "", document }));
  const result = composeServices(
    named.map(({ name, document }) => ({ name, typeDefs: document, url: "" })),
    { disableValidationRules: ["SatisfiabilityRule"] },
  );
  if (result.errors === undefined) {
    const section = {
      supergraph: repair(result.supergraphSdl, named),
      services: [...subgraphs.keys()],
      fields: [...new Set(subgraphs.flatMap(({ document }) => footprint(document).fields))],
    };
    return { ok: true, sections: [section], api: repairApi(result.publicSdl, named) };
  }
  const faults = result.errors.map(({ message, extensions }): ComposeFault => {
    const { code, subgraphName } = extensions;
    let text = message;
    const services: string[] = [];
    for (const [index, id] of ids.entries()) {
      const name = subgraphs[index]?.name ?? "";
      if (id === subgraphName || text.includes(id)) services.push(name);
      text = text.replaceAll(id, name);
    }
    return { code: typeof code === "string" ? code : "UNKNOWN", text: text.slice(0, 1_000), services };
  });
  return { ok: false, faults };
};

/**
 * The name under which composer and planner know a service; it ends in the service's index. Both go by the order of names, and
 * the planner finds the way from an interface object back to the real type only when the real one comes first. The hyphens
 * keep it apart from every GraphQL name, so that it can be found in texts.
 */
function graphId(document: DocumentNode, index: number): string {
  let late = false;
  visit(document, {
    Directive: (node) => void (late ||= /^(federation__)?interfaceObject$/.test(node.name.value)),
  });
  return `s-${late ? 1 : 0}-${String(index).padStart(5, "0")}`;
}
