// Whose a field was that the graph has no more, so that a query for it is told which service went, not only that there is no such
// field. Found when a graph is composed after another one that had services which are missing now; costs nothing otherwise.
// Invariant: a hint only, and bounded; without it the answer is the plain validation error.

import { parse, type ConstDirectiveNode } from "graphql";
import type { GraphText } from "../plan/prepare.ts";
import { localIndex } from "../plan/section.ts";

/** "Type.field" to the full name of the service. */
export type Departed = Readonly<Record<string, string>>;

const DEPARTED_MAX = 2_000;

export function departedFields(before: GraphText, after: GraphText): Departed {
  const here = new Set(after.services);
  const gone = new Set(before.services.filter((service) => !here.has(service)));
  const carried = Object.entries(before.departed ?? {}).filter(([, service]) => !here.has(service));
  if (gone.size === 0 && carried.length === 0) return {};
  const fresh = before.sections.flatMap((section) => {
    const services = section.services.map((index) => before.services[index] ?? "");
    return services.some((service) => gone.has(service)) ? ownedBy(section.supergraph, services, gone) : [];
  });
  const left = fieldsOf(after.api);
  const departed = [...fresh, ...carried].filter(([field]) => !left.has(field));
  return Object.fromEntries(departed.slice(0, DEPARTED_MAX));
}

/** Fields of a supergraph that some of these services resolved. */
function ownedBy(
  supergraph: string,
  services: readonly string[],
  wanted: ReadonlySet<string>,
): [string, string][] {
  const owned: [string, string][] = [];
  const names = new Map<string, string>();
  const serviceOf = (graph: string): string | undefined => {
    const service = services[localIndex(names.get(graph) ?? "")];
    return service !== undefined && wanted.has(service) ? service : undefined;
  };
  const { definitions } = parse(supergraph, { noLocation: true });
  for (const definition of definitions) {
    if (definition.kind !== "EnumTypeDefinition" || definition.name.value !== "join__Graph") continue;
    for (const { name, directives } of definition.values ?? [])
      names.set(name.value, argument(directives?.[0], "name") ?? "");
  }
  for (const definition of definitions) {
    if (definition.kind !== "ObjectTypeDefinition" && definition.kind !== "InterfaceTypeDefinition") continue;
    const ofType = graphsOf(definition.directives, "join__type");
    for (const { name, directives } of definition.fields ?? []) {
      const own = graphsOf(directives, "join__field");
      const service = (own.length > 0 ? own : ofType).map(serviceOf).find((one) => one !== undefined);
      if (service !== undefined) owned.push([`${definition.name.value}.${name.value}`, service]);
    }
  }
  return owned;
}

function graphsOf(directives: readonly ConstDirectiveNode[] | undefined, name: string): string[] {
  return (directives ?? []).flatMap((directive) => {
    const graph = directive.name.value === name ? argument(directive, "graph") : undefined;
    return graph === undefined ? [] : [graph];
  });
}

function argument(directive: ConstDirectiveNode | undefined, name: string): string | undefined {
  const value = directive?.arguments?.find((one) => one.name.value === name)?.value;
  return value?.kind === "StringValue" || value?.kind === "EnumValue" ? value.value : undefined;
}

function fieldsOf(api: string): Set<string> {
  const fields = new Set<string>();
  for (const definition of parse(api, { noLocation: true }).definitions) {
    if (definition.kind !== "ObjectTypeDefinition" && definition.kind !== "InterfaceTypeDefinition") continue;
    for (const { name } of definition.fields ?? []) fields.add(`${definition.name.value}.${name.value}`);
  }
  return fields;
}
