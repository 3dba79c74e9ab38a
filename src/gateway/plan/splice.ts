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
import { below, collect, type Occurrence, type Source } from "./collect.ts";
import { sameShape } from "./pass-through.ts";
import type { EntityStep, PathSegment, Step } from "./program.ts";

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
  const marker = new SpliceMarker(schema, root, set, fragments);
  return { step: marker.mark(step), nodes: marker.nodes };
}

class SpliceMarker {
  readonly nodes = new Set<FieldNode>();
  readonly #schema: GraphQLSchema;
  readonly #root: GraphQLObjectType;
  readonly #set: SelectionSetNode;
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>;

  constructor(
    schema: GraphQLSchema,
    root: GraphQLObjectType,
    set: SelectionSetNode,
    fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  ) {
    this.#schema = schema;
    this.#root = root;
    this.#set = set;
    this.#fragments = fragments;
  }

  /** Only the last steps: nothing may run after them that could look into what they brought. */
  mark(step: Step): Step {
    if (step.kind === "entities") return this.#markEntities(step);
    if (step.kind === "sequence") {
      const last = step.steps.length - 1;
      return {
        ...step,
        steps: step.steps.map((child, index) => (index === last ? this.mark(child) : child)),
      };
    }
    if (step.kind !== "parallel") return step;
    const flat = step.steps.every(({ kind }) => kind === "entities" || kind === "fetch");
    return flat ? { ...step, steps: step.steps.map((child) => this.mark(child)) } : step;
  }

  #markEntities(step: EntityStep): EntityStep {
    const [group, ...others] = step.groups;
    const [path, ...morePaths] = group?.paths ?? [];
    if (group === undefined || path === undefined || others.length > 0 || morePaths.length > 0) return step;
    if (group.renames.length > 0 || group.key !== "_entities") return step;
    const fetched = entityFields(step.body);
    const target = this.#sourcesAt(path);
    if (fetched === undefined || target === undefined || target.type.name !== fetched.type) return step;
    const asked = this.#collect(target.sources, target.type);
    const found: FieldNode[] = [];
    const keys: string[] = [];
    for (const field of fetched.fields) {
      const key = field.alias?.value ?? field.name.value;
      const occurrences = asked.get(key);
      if (occurrences === undefined || !this.#isSame(target.type, field, occurrences)) return step;
      found.push(...occurrences.map(({ node }) => node));
      keys.push(key);
    }
    for (const node of found) this.nodes.add(node);
    return { ...step, groups: [{ ...group, splice: keys }] };
  }

  /** Whether the fetched field is, with all below it, what the client wants written. */
  #isSame(owner: GraphQLObjectType, field: FieldNode, occurrences: readonly Occurrence[]): boolean {
    const type = owner.getFields()[field.name.value]?.type;
    if (type === undefined || (field.directives?.length ?? 0) > 0) return false;
    for (const { node, condition } of occurrences) {
      if (node.name.value !== field.name.value || condition.length > 0) return false;
    }
    const named = getNamedType(type);
    if (isLeafType(named)) return true;
    if (field.selectionSet === undefined) return false;
    const sources = below(occurrences);
    return sameShape(this.#schema, this.#root, named, sources, this.#fragments, field.selectionSet);
  }

  /** What the client asks for at a path that leads over object types only. */
  #sourcesAt(
    path: readonly PathSegment[],
  ): { type: GraphQLObjectType; sources: readonly Source[] } | undefined {
    let type = this.#root;
    let sources: readonly Source[] = [{ set: this.#set, condition: [] }];
    for (const segment of path) {
      if ("items" in segment) continue;
      if (!("field" in segment)) return undefined;
      const occurrences = this.#collect(sources, type).get(segment.field);
      const field = occurrences?.[0] && type.getFields()[occurrences[0].node.name.value];
      const next = field && getNamedType(field.type);
      if (occurrences === undefined || !isObjectType(next)) return undefined;
      type = next;
      sources = below(occurrences);
    }
    // Under a condition the field may be there for one occurrence and not for the other.
    return sources.every(({ condition }) => condition.length === 0) ? { type, sources } : undefined;
  }

  #collect(sources: readonly Source[], type: GraphQLObjectType): Map<string, Occurrence[]> {
    return collect(sources, this.#fragments, (name) => {
      if (type.name === name) return true;
      const condition = this.#schema.getType(name);
      return isAbstractType(condition) && this.#schema.isSubType(condition, type);
    });
  }
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
