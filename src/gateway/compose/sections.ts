// Composes services that share nothing in sections of their own, and a section again only when it changes: the library's time goes
// with the number of services it is given, the planner's with the square. Sections of before stay as long as nothing comes to them
// or goes from them; the rest is put together anew. Invariant: the graph is the one that all services composed at once give
// (sections.property.test.ts); where a section does not compose, all are composed at once, and that answer counts.

import type { DocumentNode } from "graphql";
import { joinApis, pieceOf, type ApiPiece } from "./api.ts";
import type { Composer, Composition, Subgraph } from "./composer.ts";
import { type Footprint, footprint } from "./footprint.ts";

type Composed = Extract<Composition, { ok: true }>;

interface Section {
  readonly subgraphs: readonly Subgraph[];
  readonly composed: Composed;
  readonly piece: ApiPiece;
}

/** Indices of services, ascending. */
type Group = readonly number[];

/** So many new services go into one section at most; each alone would take the library three times as long. */
const TOGETHER_MAX = 16;

export class Sections {
  readonly #compose: Composer;
  readonly #together: number;
  #known: readonly Section[] = [];

  constructor(compose: Composer, together = TOGETHER_MAX) {
    this.#compose = compose;
    this.#together = together;
  }

  readonly compose: Composer = (subgraphs) => {
    const islands = islandsOf(subgraphs);
    const sections = this.#kept(subgraphs, islands);
    const left = new Set(islands);
    for (const group of sections.values()) for (const index of group) left.delete(islands[index] ?? []);
    let sound = true;
    for (const group of grouped(left, this.#together)) {
      const section = this.#section(group.flatMap((index) => subgraphs[index] ?? []));
      if (section === undefined) sound = false;
      else sections.set(section, group);
    }
    this.#known = [...sections.keys()];
    return sound ? joined(sections) : this.#whole(subgraphs);
  };

  /** Sections of before whose services are all here, and share nothing with others. */
  #kept(subgraphs: readonly Subgraph[], islands: readonly Group[]): Map<Section, Group> {
    const places = new Map(subgraphs.map(({ document }, index) => [document, index]));
    const kept = new Map<Section, Group>();
    const small: Section[] = [];
    for (const section of this.#known) {
      const group = groupOf(section, subgraphs, places);
      if (group === undefined || !isClosed(group, islands)) continue;
      kept.set(section, group);
      if (group.length * 2 <= this.#together) small.push(section);
    }
    // Each section costs memory in every thread; the leavings of single additions become one when they fill it.
    const services = small.reduce((sum, section) => sum + section.subgraphs.length, 0);
    if (services >= this.#together) for (const section of small) kept.delete(section);
    return kept;
  }

  #section(subgraphs: readonly Subgraph[]): Section | undefined {
    try {
      const composed = this.#compose(subgraphs);
      return composed.ok ? { subgraphs, composed, piece: pieceOf(composed.api) } : undefined;
    } catch {
      // An input that the library did not expect. All at once it may be another one; if not, the caller hears of it.
      return undefined;
    }
  }

  #whole(subgraphs: readonly Subgraph[]): Composition {
    const composed = this.#compose(subgraphs);
    if (composed.ok) this.#known = [{ subgraphs, composed, piece: pieceOf(composed.api) }];
    return composed;
  }
}

/** To each service the group of those that it shares a name with, directly or by others; equal values do not count. */
function islandsOf(subgraphs: readonly Subgraph[]): Group[] {
  const prints = subgraphs.map(({ document }) => footprint(document));
  if (!prints.every(({ apart }) => apart)) {
    const all = [...subgraphs.keys()];
    return subgraphs.map(() => all);
  }
  const differing = differingValues(prints);
  const islands: number[][] = [];
  const owners = new Map<string, number>();
  for (const [index, { names, values, fields }] of prints.entries()) {
    let island = [index];
    for (const name of [...names, ...fields, ...[...values.keys()].filter((value) => differing.has(value))]) {
      const other = islands[owners.get(name) ?? index];
      owners.set(name, index);
      if (other === undefined || other === island) continue;
      island = [...other, ...island];
      for (const member of island) islands[member] = island;
    }
    islands[index] = island;
  }
  for (const island of new Set(islands)) island.sort((a, b) => a - b);
  return islands;
}

/** Names of scalars, enums and inputs that are not the same everywhere. */
function differingValues(prints: readonly Footprint[]): ReadonlySet<string> {
  const texts = new Map<string, string>();
  const differing = new Set(prints.flatMap(({ names }) => names));
  for (const { values } of prints) {
    for (const [name, text] of values) {
      if ((texts.get(name) ?? text) !== text) differing.add(name);
      texts.set(name, text);
    }
  }
  return differing;
}

/** Where a section's services are now; undefined when one is gone, has another schema, or another place among them. */
function groupOf(
  section: Section,
  subgraphs: readonly Subgraph[],
  places: ReadonlyMap<DocumentNode, number>,
): Group | undefined {
  const group: number[] = [];
  for (const { name, document } of section.subgraphs) {
    const index = places.get(document) ?? -1;
    if (subgraphs[index]?.name !== name || index <= (group.at(-1) ?? -1)) return undefined;
    group.push(index);
  }
  return group;
}

/** Whether nobody shares a name with one of the group but the group itself. */
function isClosed(group: Group, islands: readonly Group[]): boolean {
  const inside = new Set(group);
  return group.every((index) => islands[index]?.every((member) => inside.has(member)));
}

function grouped(islands: ReadonlySet<Group>, together: number): Group[] {
  const groups: number[][] = [];
  for (const island of islands) {
    const last = groups.at(-1);
    if (last === undefined || last.length + island.length > together) groups.push([...island]);
    else last.push(...island);
  }
  return groups.map((group) => group.toSorted((a, b) => a - b));
}

/** In the order of their first services, whatever came when. */
function joined(sections: ReadonlyMap<Section, Group>): Composition {
  const sorted = [...sections].toSorted(([, a], [, b]) => (a[0] ?? 0) - (b[0] ?? 0));
  const [only] = sorted;
  return {
    ok: true,
    sections: sorted.flatMap(([{ composed }, group]) =>
      composed.sections.map((section) => ({
        ...section,
        services: section.services.map((local) => group[local] ?? 0),
      })),
    ),
    api:
      sorted.length === 1 && only !== undefined
        ? only[0].composed.api
        : joinApis(sorted.map(([{ piece }]) => piece)),
  };
}
