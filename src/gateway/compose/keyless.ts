// The check that stands in for satisfiability in its most common failure: two services define one type without `@key`, with
// different fields. Such a graph composes, but a query for the field of the one through the other has no plan. Only types that
// are reached from a root without passing an entity count: below an entity the planner can go round by its key.
// Invariant: linear in the number of fields; says nothing about graphs that use keys.

import type {
  DocumentNode,
  FieldDefinitionNode,
  ObjectTypeDefinitionNode,
  ObjectTypeExtensionNode,
  TypeNode,
} from "graphql";
import type { ComposeFault, Subgraph } from "./composer.ts";

interface Shape {
  readonly keyed: boolean;
  readonly fields: ReadonlyMap<string, FieldDefinitionNode>;
}

const ROOTS = ["Query", "Mutation", "Subscription"];

export function keylessConflicts(subgraphs: readonly Subgraph[]): ComposeFault[] {
  const known = subgraphs.map(({ name, document }) => {
    const shapes = shapesOf(document);
    return { name, shapes, reached: reachedWithoutKey(shapes) };
  });
  const owners = new Map<string, typeof known>();
  for (const subgraph of known) {
    for (const type of subgraph.shapes.keys()) {
      if (ROOTS.includes(type)) continue;
      const list = owners.get(type);
      if (list === undefined) owners.set(type, [subgraph]);
      else list.push(subgraph);
    }
  }
  const faults: ComposeFault[] = [];
  for (const [type, list] of owners) {
    if (list.length < 2 || list.some(({ shapes }) => shapes.get(type)?.keyed)) continue;
    const all = new Set(list.flatMap(({ shapes }) => [...ownFields(shapes.get(type))]));
    for (const { name, shapes, reached } of list) {
      if (!reached.has(type)) continue;
      const missing = [...all].find((field) => !shapes.get(type)?.fields.has(field));
      if (missing === undefined) continue;
      const other = list.find(({ shapes: others }) => others.get(type)?.fields.has(missing));
      faults.push({
        code: "TYPE_WITHOUT_KEY",
        text:
          `Type "${type}" has field "${missing}" in "${other?.name ?? ""}" but not in "${name}", ` +
          `and no @key by which one could ask the other`,
        services: [name, ...(other === undefined ? [] : [other.name])],
      });
      break;
    }
  }
  return faults;
}

function shapesOf(document: DocumentNode): Map<string, Shape> {
  const shapes = new Map<string, { keyed: boolean; fields: Map<string, FieldDefinitionNode> }>();
  for (const definition of document.definitions) {
    if (definition.kind !== "ObjectTypeDefinition" && definition.kind !== "ObjectTypeExtension") continue;
    const name = definition.name.value;
    const shape = shapes.get(name) ?? { keyed: false, fields: new Map<string, FieldDefinitionNode>() };
    shapes.set(name, shape);
    if (hasDirective(definition, "key") || hasDirective(definition, "interfaceObject")) shape.keyed = true;
    for (const field of definition.fields ?? []) shape.fields.set(field.name.value, field);
  }
  return shapes;
}

/** Fields a service resolves itself. */
function ownFields(shape: Shape | undefined): string[] {
  return [...(shape?.fields ?? [])].flatMap(([name, field]) =>
    hasDirective(field, "external") ? [] : [name],
  );
}

function reachedWithoutKey(shapes: ReadonlyMap<string, Shape>): Set<string> {
  const reached = new Set<string>();
  const queue = ROOTS.filter((root) => shapes.has(root));
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    for (const field of shapes.get(name)?.fields.values() ?? []) {
      if (hasDirective(field, "external")) continue;
      const type = namedType(field.type);
      if (reached.has(type) || shapes.get(type)?.keyed !== false) continue;
      reached.add(type);
      queue.push(type);
    }
  }
  return reached;
}

function hasDirective(
  node: FieldDefinitionNode | ObjectTypeDefinitionNode | ObjectTypeExtensionNode,
  name: string,
): boolean {
  return (node.directives ?? []).some(
    ({ name: { value } }) => value === name || value === `federation__${name}`,
  );
}

function namedType(type: TypeNode): string {
  return type.kind === "NamedType" ? type.name.value : namedType(type.type);
}
