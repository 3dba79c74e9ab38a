// Finds the entity fetches whose answers nobody reads but the projection, and whose fields are exactly what the client asked
// for: the text of such a field can be cut out of the service's answer and put into ours without being parsed. That spares
// the most of a federated answer. Conservative in the same way as pass-through. Invariant: a field marked here is complete in
// that one fetch, so its text replaces whatever else is known of it.

import {
  getNamedType,
  isAbstractType,
  isLeafType,
  isObjectType,
  parse,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLObjectType,
  type GraphQLSchema,
  type SelectionSetNode,
} from "graphql";
import { below, collect, type Source } from "./collect.ts";
import { sameShape } from "./pass-through.ts";
import type { EntityStep, Step } from "./program.ts";

export interface Spliced {
  readonly step: Step;
  /** The client's fields whose value may be text. */
  readonly nodes: ReadonlySet<FieldNode>;
}

export function markSplices(
  schema: GraphQLSchema,
  root: GraphQLObjectType,
  set: SelectionSetNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  step: Step,
): Spliced {
  const nodes = new Set<FieldNode>();

  /** Only the last steps: nothing may run after them that could look into what they brought. */
  function mark(candidate: Step): Step {
    switch (candidate.kind) {
      case "sequence":
        return {
          kind: "sequence",
          steps: candidate.steps.map((child, index) =>
            index === candidate.steps.length - 1 ? mark(child) : child,
          ),
        };
      case "parallel":
        return candidate.steps.every(({ kind }) => kind === "entities" || kind === "fetch")
          ? { kind: "parallel", steps: candidate.steps.map(mark) }
          : candidate;
      case "entities":
        return markEntities(candidate);
      default:
        return candidate;
    }
  }

  function markEntities(entities: EntityStep): Step {
    const [group, ...others] = entities.groups;
    const [path, ...morePaths] = group?.paths ?? [];
    if (group === undefined || path === undefined || others.length > 0 || morePaths.length > 0)
      return entities;
    if (group.renames.length > 0 || group.key !== "_entities") return entities;
    const fetched = entityFields(entities.body);
    const target = sourcesAt(path);
    if (fetched === undefined || target === undefined || target.type.name !== fetched.type) return entities;
    const asked = collect(target.sources, fragments, (name) => applies(target.type, name));
    const found: FieldNode[] = [];
    for (const field of fetched.fields) {
      const key = field.alias?.value ?? field.name.value;
      const occurrences = asked.get(key);
      const type = target.type.getFields()[field.name.value]?.type;
      if (occurrences === undefined || type === undefined || (field.directives?.length ?? 0) > 0)
        return entities;
      if (
        occurrences.some(
          ({ node, condition }) => node.name.value !== field.name.value || condition.length > 0,
        )
      ) {
        return entities;
      }
      const named = getNamedType(type);
      if (!isLeafType(named)) {
        if (field.selectionSet === undefined) return entities;
        if (!sameShape(schema, root, named, below(occurrences), fragments, field.selectionSet))
          return entities;
      }
      found.push(...occurrences.map(({ node }) => node));
    }
    for (const node of found) nodes.add(node);
    const keys = fetched.fields.map((field) => field.alias?.value ?? field.name.value);
    return { ...entities, groups: [{ ...group, splice: keys }] };
  }

  /** What the client asks for at a path that leads over object types only. */
  function sourcesAt(
    path: EntityStep["groups"][number]["paths"][number],
  ): { type: GraphQLObjectType; sources: readonly Source[] } | undefined {
    let type = root;
    let sources: readonly Source[] = [{ set, condition: [] }];
    for (const segment of path) {
      if ("items" in segment) continue;
      if (!("field" in segment)) return undefined;
      const at = type;
      const occurrences = collect(sources, fragments, (name) => applies(at, name)).get(segment.field);
      const field =
        occurrences?.[0] === undefined ? undefined : at.getFields()[occurrences[0].node.name.value];
      const next = field === undefined ? undefined : getNamedType(field.type);
      if (occurrences === undefined || !isObjectType(next)) return undefined;
      type = next;
      sources = below(occurrences);
    }
    // Under a condition the field may be there for one occurrence and not for the other.
    return sources.every(({ condition }) => condition.length === 0) ? { type, sources } : undefined;
  }

  function applies(type: GraphQLObjectType, name: string): boolean {
    if (type.name === name) return true;
    const condition = schema.getType(name);
    return isAbstractType(condition) && schema.isSubType(condition, type);
  }

  return { step: mark(step), nodes };
}

/** The fields of `_entities(…) { ... on Type { fields } }`, when it is just that. */
function entityFields(body: string): { type: string; fields: readonly FieldNode[] } | undefined {
  const { query } = JSON.parse(`${body}}`) as { query: string };
  const definition = parse(query).definitions[0];
  if (definition?.kind !== "OperationDefinition") return undefined;
  const [entities] = definition.selectionSet.selections;
  if (entities?.kind !== "Field") return undefined;
  const inner = entities.selectionSet?.selections ?? [];
  const [fragment] = inner;
  if (inner.length !== 1 || fragment?.kind !== "InlineFragment") return undefined;
  const type = fragment.typeCondition?.name.value;
  const fields = fragment.selectionSet.selections.filter((selection) => selection.kind === "Field");
  if (type === undefined || fields.length !== fragment.selectionSet.selections.length) return undefined;
  return fields.some(({ name }) => name.value === "__typename") ? undefined : { type, fields };
}
