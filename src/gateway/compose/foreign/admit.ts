// Takes in the schemas of other organizations one after the other, each against our own graph and against those before it: two
// organizations may not share a prefix, and no name may belong to two. Whoever comes later is left out with the reason.
// Invariant: what is returned holds no definition that stands in our own graph, but for the shared types.

import type { DefinitionNode } from "graphql";
import type { ForeignTerms, Quarantined } from "#rpc";
import type { Border } from "../../plan/border.ts";
import type { Subgraph } from "../composer.ts";
import type { SubgraphSdl } from "../message.ts";
import { BorderNames } from "./names.ts";
import { ownGraph } from "./own.ts";
import { Refusal } from "./refusal.ts";
import { sanitize } from "./sanitize.ts";

export interface ForeignSubgraph extends Subgraph {
  readonly border: Border;
}

export interface ForeignAdmitted {
  readonly subgraphs: readonly ForeignSubgraph[];
  readonly quarantined: readonly Quarantined[];
}

export type ForeignSdl = SubgraphSdl & { readonly foreign: ForeignTerms };

export const isForeign = (service: SubgraphSdl): service is ForeignSdl => service.foreign !== undefined;

export function admitForeign(services: readonly ForeignSdl[], own: readonly Subgraph[]): ForeignAdmitted {
  const graph = ownGraph(own);
  /** Names and root fields to who has them. */
  const holders = new Map<string, string>();
  for (const [name, { fields }] of graph) {
    if (name !== "Query" && name !== "Mutation" && name !== "Subscription") holders.set(name, OURS);
    else for (const field of fields.keys()) holders.set(`${name}.${field}`, OURS);
  }
  const prefixes = new Map<string, string>();
  const sizes = new Map<string, number>();
  let all = 0;
  const subgraphs: ForeignSubgraph[] = [];
  const quarantined: Quarantined[] = [];
  for (const { name, sdl, foreign } of services) {
    try {
      const { organization, prefix } = foreign;
      const holder = prefixes.get(prefix.toLowerCase());
      if (holder !== undefined && holder !== organization)
        throw conflict(`prefix "${prefix}" is taken by ${holder}; the import rule may give another`);
      const { document, border } = sanitize(sdl, foreign, graph);
      const claims = claimsOf(document.definitions, new BorderNames(foreign));
      for (const claim of claims) {
        const other = holders.get(claim);
        if (other !== undefined && other !== organization)
          throw conflict(`"${claim}" is taken by ${other}; the import rule may give another prefix`);
      }
      const size = sizeOf(document.definitions);
      const together = (sizes.get(organization) ?? 0) + size;
      if (together > ORGANIZATION_MAX)
        throw tooLarge(
          `the services of ${organization} together have more than ${ORGANIZATION_MAX} types and fields`,
        );
      if (all + size > ALL_MAX)
        throw tooLarge(`all foreign services together have more than ${ALL_MAX} types and fields`);
      all += size;
      sizes.set(organization, together);
      prefixes.set(prefix.toLowerCase(), organization);
      for (const claim of claims) holders.set(claim, organization);
      subgraphs.push({ name, document, border });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      quarantined.push({ service: name, code: error.code, text: error.message });
    }
  }
  return { subgraphs, quarantined };
}

/**
 * Types and fields. Composing 20,000 of them takes about 1.4 s of processor time; all of it has to fit into the time limit of one
 * composition, or a peer with many services could keep our graph from ever changing.
 */
const ORGANIZATION_MAX = 20_000;
const ALL_MAX = 40_000;

const OURS = "this organization";

function claimsOf(definitions: readonly DefinitionNode[], names: BorderNames): string[] {
  return definitions.flatMap((definition) => {
    if (!("name" in definition) || definition.name === undefined) return [];
    const name = definition.name.value;
    if (name === "Query" || name === "Mutation")
      return "fields" in definition
        ? (definition.fields ?? []).map((field) => `${name}.${field.name.value}`)
        : [];
    // Scalars of ours in a key are named as ours.
    return name.startsWith(names.typePrefix) ? [name] : [];
  });
}

function sizeOf(definitions: readonly DefinitionNode[]): number {
  let size = definitions.length;
  for (const definition of definitions) if ("fields" in definition) size += definition.fields?.length ?? 0;
  return size;
}

const tooLarge = (text: string): Refusal => new Refusal("ERR_SCHEMA_TOO_LARGE", text);
const conflict = (text: string): Refusal => new Refusal("ERR_SCHEMA_CONFLICT", text);
