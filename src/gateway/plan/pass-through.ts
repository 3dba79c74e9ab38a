// Decides whether the answer of a plan's only fetch already is the answer to the client, byte for byte: same response keys in
// the same order on every level, nothing conditional, nothing hidden from the API. Conservative: anything unusual says no, and
// the answer is then parsed and projected. Invariant: never true for a graph that hides anything.

import {
  getNamedType,
  isAbstractType,
  isInterfaceType,
  isLeafType,
  isObjectType,
  isUnionType,
  parse,
  type FragmentDefinitionNode,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  type SelectionSetNode,
} from "graphql";
import { below, collect, type Source } from "./collect.ts";
import type { Step } from "./program.ts";

export function passesThrough(
  schema: GraphQLSchema,
  root: GraphQLObjectType,
  set: SelectionSetNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  step: Step,
): boolean {
  if (step.kind !== "fetch" || step.at.length > 0 || step.renames.length > 0) return false;
  const { query } = JSON.parse(`${step.body}}`) as { query: string };
  const definition = parse(query).definitions[0];
  if (definition?.kind !== "OperationDefinition") return false;
  return sameShape(schema, root, root, [{ set, condition: [] }], fragments, definition.selectionSet);
}

/** Whether a service's answer to `fetched` is what the client wants written for `sources`. */
export function sameShape(
  schema: GraphQLSchema,
  root: GraphQLObjectType,
  type: GraphQLNamedType,
  sources: readonly Source[],
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  fetched: SelectionSetNode,
): boolean {
  const types = isObjectType(type) ? [type] : isAbstractType(type) ? schema.getPossibleTypes(type) : [];
  const [first, ...others] = types;
  if (first === undefined) return false;
  const owner = isInterfaceType(type) ? type : first;
  const applies = (candidate: GraphQLObjectType) => (name: string) => {
    if (candidate.name === name) return true;
    const condition = schema.getType(name);
    return isAbstractType(condition) && schema.isSubType(condition, candidate);
  };
  const fields = collect(sources, fragments, applies(first));
  const keys = [...fields.keys()].join(" ");
  // Fields that depend on the type are the projection's work.
  for (const other of others) {
    if ([...collect(sources, fragments, applies(other)).keys()].join(" ") !== keys) return false;
  }
  if (fields.size !== fetched.selections.length) return false;
  let index = 0;
  for (const [key, occurrences] of fields) {
    const selection = fetched.selections[index++];
    if (selection?.kind !== "Field" || (selection.directives?.length ?? 0) > 0) return false;
    if ((selection.alias?.value ?? selection.name.value) !== key) return false;
    const node = occurrences[0]?.node;
    if (node === undefined || node.name.value !== selection.name.value) return false;
    if (occurrences.some(({ condition }) => condition.length > 0)) return false;
    if (node.name.value === "__typename") {
      // A service may give its root types other names, and only an object type's own name is certain.
      if (type === root || type !== first) return false;
      continue;
    }
    const field = isUnionType(type) ? undefined : owner.getFields()[node.name.value];
    if (field === undefined) return false;
    const named = getNamedType(field.type);
    if (isLeafType(named)) continue;
    if (selection.selectionSet === undefined) return false;
    if (!sameShape(schema, root, named, below(occurrences), fragments, selection.selectionSet)) {
      return false;
    }
  }
  return true;
}
