// What our own graph has, as far as a foreign schema could touch it: names of types, root fields, and of each object type its keys
// and fields. "Own" are the services of this organization, on this node or another one. Read from the schemas themselves, not
// from their composition, so that nothing foreign can be in it. Invariant: linear in the size of the schemas.

import { print, type DefinitionNode, type FieldDefinitionNode } from "graphql";
import type { Subgraph } from "../composer.ts";
import { stringArgument } from "./directives.ts";
import { keyText, keyTree } from "./keys.ts";

export interface OwnType {
  /** True when every service that has it says it is an object. */
  object: boolean;
  /** Keys in the form of `keyText`. */
  readonly keys: Set<string>;
  /** Field to its type as text. */
  readonly fields: Map<string, string>;
}

/** Root types count as types too: their fields are nobody else's. */
export type OwnGraph = ReadonlyMap<string, OwnType>;

export function ownGraph(subgraphs: readonly Subgraph[]): OwnGraph {
  const types = new Map<string, OwnType>();
  for (const { document } of subgraphs) {
    for (const definition of document.definitions) {
      const name = typeName(definition);
      if (name === undefined) continue;
      const type = types.get(name) ?? { object: true, keys: new Set(), fields: new Map() };
      types.set(name, type);
      if (definition.kind !== "ObjectTypeDefinition" && definition.kind !== "ObjectTypeExtension") {
        type.object = false;
        continue;
      }
      for (const directive of definition.directives ?? []) {
        if (!/^(federation__)?key$/.test(directive.name.value)) continue;
        const tree = keyTree(stringArgument(directive, "fields") ?? "");
        if (tree !== undefined) type.keys.add(keyText(tree));
      }
      for (const field of definition.fields ?? []) addField(type, field);
    }
  }
  return types;
}

function addField(type: OwnType, field: FieldDefinitionNode): void {
  const external = (field.directives ?? []).some(({ name }) => /^(federation__)?external$/.test(name.value));
  // An external copy may be written more loosely than the definition it stands for.
  if (!external || !type.fields.has(field.name.value)) type.fields.set(field.name.value, print(field.type));
}

function typeName(definition: DefinitionNode): string | undefined {
  if (definition.kind === "DirectiveDefinition" || !("name" in definition)) return undefined;
  return definition.name?.value;
}
