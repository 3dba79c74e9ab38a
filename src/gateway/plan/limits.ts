// Bounds on a parsed document, checked before validation and planning, because both can cost far more than the text is long:
// fragments that spread fragments double with each level, and merging rules compare repeated fields pair by pair.
// Invariant: the check itself is linear in the document (each fragment is measured once).

import type {
  DocumentNode,
  FragmentDefinitionNode,
  OperationDefinitionNode,
  SelectionSetNode,
} from "graphql";

export interface DocumentLimits {
  readonly tokens: number;
  readonly depth: number;
  readonly aliases: number;
  readonly rootFields: number;
}

/** Fields after all fragments are written out; the cost limit of one document. */
export const EXPANDED_FIELDS_MAX = 10_000;
/** Equal response keys in one selection set; validation compares each pair. */
export const REPEATED_FIELDS_MAX = 100;

interface Measure {
  readonly depth: number;
  readonly fields: number;
  readonly aliases: number;
}

/** What is over its limit, in one sentence; undefined when nothing is. */
export function overLimit(
  document: DocumentNode,
  operation: OperationDefinitionNode,
  limits: DocumentLimits,
): string | undefined {
  const measure = measurer(document);
  // Documents may hold several operations; all are validated, so all are measured.
  for (const definition of document.definitions) {
    if (definition.kind !== "OperationDefinition" && definition.kind !== "FragmentDefinition") continue;
    const size = measure(definition.selectionSet);
    if (typeof size === "string") return size;
    if (size.depth > limits.depth) return `the document is nested deeper than ${limits.depth} levels`;
    if (size.aliases > limits.aliases) return `the document has more than ${limits.aliases} aliases`;
    if (size.fields > EXPANDED_FIELDS_MAX) {
      return `the document has more than ${EXPANDED_FIELDS_MAX} fields with its fragments written out`;
    }
  }
  const roots = rootFields(document, operation);
  return roots > limits.rootFields
    ? `the operation has more than ${limits.rootFields} root fields`
    : undefined;
}

function measurer(document: DocumentNode): (set: SelectionSetNode) => Measure | string {
  const fragments = fragmentsOf(document);
  const done = new Map<string, Measure | string>();
  const open = new Set<string>();

  function ofFragment(name: string): Measure | string {
    const known = done.get(name);
    if (known !== undefined) return known;
    if (open.has(name)) return `fragment "${name}" spreads itself`;
    const fragment = fragments.get(name);
    if (fragment === undefined) return { depth: 0, fields: 0, aliases: 0 };
    open.add(name);
    const size = ofSet(fragment.selectionSet);
    open.delete(name);
    done.set(name, size);
    return size;
  }

  function ofSet(set: SelectionSetNode): Measure | string {
    let depth = 0;
    let fields = 0;
    let aliases = 0;
    const keys = new Map<string, number>();
    for (const selection of set.selections) {
      let inner: Measure | string = { depth: 0, fields: 0, aliases: 0 };
      if (selection.kind === "Field") {
        const key = selection.alias?.value ?? selection.name.value;
        const count = (keys.get(key) ?? 0) + 1;
        if (count > REPEATED_FIELDS_MAX)
          return `field "${key}" is repeated more than ${REPEATED_FIELDS_MAX} times`;
        keys.set(key, count);
        if (selection.selectionSet !== undefined) inner = ofSet(selection.selectionSet);
        if (typeof inner === "string") return inner;
        depth = Math.max(depth, inner.depth + 1);
        fields += 1;
        aliases += selection.alias === undefined ? 0 : 1;
      } else {
        inner =
          selection.kind === "InlineFragment"
            ? ofSet(selection.selectionSet)
            : ofFragment(selection.name.value);
        if (typeof inner === "string") return inner;
        depth = Math.max(depth, inner.depth);
      }
      // Sums saturate far above any limit, so that doubling cannot reach infinity.
      fields = Math.min(fields + inner.fields, 1e9);
      aliases = Math.min(aliases + inner.aliases, 1e9);
    }
    return { depth, fields, aliases };
  }
  return ofSet;
}

function rootFields(document: DocumentNode, operation: OperationDefinitionNode): number {
  const fragments = fragmentsOf(document);
  const count = (set: SelectionSetNode, seen: ReadonlySet<string>): number => {
    let sum = 0;
    for (const selection of set.selections) {
      if (selection.kind === "Field") sum += 1;
      else if (selection.kind === "InlineFragment") sum += count(selection.selectionSet, seen);
      else {
        const name = selection.name.value;
        const fragment = fragments.get(name);
        if (fragment !== undefined && !seen.has(name)) {
          sum += count(fragment.selectionSet, new Set([...seen, name]));
        }
      }
    }
    return sum;
  };
  return count(operation.selectionSet, new Set());
}

export function fragmentsOf(document: DocumentNode): ReadonlyMap<string, FragmentDefinitionNode> {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === "FragmentDefinition") fragments.set(definition.name.value, definition);
  }
  return fragments;
}
