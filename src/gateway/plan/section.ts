// A section of the graph: services that were composed together and are planned together, apart from all others, with which they
// share no type. Most graphs of plain services are many sections, a federated one is a single big section. The planner takes time and
// memory with the square of the number of services, so it is made for each section, when first needed.
// Invariant: every root field is in exactly one section.

import { parse } from "graphql";
import { QueryPlanner, type PlanNode } from "@graphql-hive/router-query-planner";
import { possibleTypes, type PossibleTypes } from "./types.ts";

export interface SectionText {
  readonly supergraph: string;
  /** Indices into the graph's services, in the order in which the supergraph has them. */
  readonly services: readonly number[];
  /** Root fields, as "Query.field". */
  readonly fields: readonly string[];
}

/** Of the composer's name of a service, which ends in its place in the section. */
export const localIndex = (id: string): number => Number(id.slice(id.lastIndexOf("-") + 1));

/** What is made of a supergraph; the same in every graph that has the section. */
export class SectionPlanner {
  readonly #supergraph: string;
  /** Nothing is hidden from clients, so answers of services may be forwarded unread. */
  readonly open: boolean;
  #planner: QueryPlanner | undefined;
  #possible: PossibleTypes | undefined;

  constructor(supergraph: string) {
    this.#supergraph = supergraph;
    this.open = !/@inaccessible(?! on)/.test(supergraph);
  }

  /** Throws when the planner does not take the supergraph. */
  ready(): QueryPlanner {
    return (this.#planner ??= new QueryPlanner(this.#supergraph));
  }

  plan(document: string, operationName: string | undefined): PlanNode | undefined {
    return this.ready().plan(document, operationName, new Set(), 0).node;
  }

  readonly possible: PossibleTypes = (name) =>
    (this.#possible ??= possibleTypes(parse(this.#supergraph, { noLocation: true })))(name);
}
