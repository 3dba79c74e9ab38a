// Which object types an abstract type may be, read from the supergraph itself: unlike the API schema it also knows the types
// that are hidden from clients, and the planner's type conditions name those too. Invariant: every type is possible for itself,
// because an interface object carries the interface's own name in `__typename`.

import type { DocumentNode } from "graphql";

export type PossibleTypes = (name: string) => readonly string[];

export function possibleTypes(supergraph: DocumentNode): PossibleTypes {
  const possible = new Map<string, Set<string>>();
  const add = (name: string, type: string): void => {
    const known = possible.get(name);
    if (known === undefined) possible.set(name, new Set([name, type]));
    else known.add(type);
  };
  for (const definition of supergraph.definitions) {
    if (definition.kind === "ObjectTypeDefinition") {
      for (const implemented of definition.interfaces ?? [])
        add(implemented.name.value, definition.name.value);
    } else if (definition.kind === "UnionTypeDefinition") {
      for (const member of definition.types ?? []) add(definition.name.value, member.name.value);
    }
  }
  return (name) => [...(possible.get(name) ?? [name])];
}
