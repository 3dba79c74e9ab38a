// Field sets of keys ("upc", "org { id } name") as trees, so that equal keys have equal text whatever their order and spacing.
// Invariant: only plain fields; aliases, arguments, fragments and names with "_" at the front make it no key.

import { Kind, parse, type SelectionSetNode } from "graphql";

const KEY_CHARACTERS = 500;
const KEY_DEPTH = 4;

/** Field to what is selected below it; empty for a leaf. */
export interface KeyTree extends ReadonlyMap<string, KeyTree> {}

export function keyTree(fields: string): KeyTree | undefined {
  if (fields.length > KEY_CHARACTERS) return undefined;
  try {
    const { definitions } = parse(`{${fields}}`, { noLocation: true });
    const [operation] = definitions;
    if (definitions.length !== 1 || operation?.kind !== Kind.OPERATION_DEFINITION) return undefined;
    return treeOf(operation.selectionSet, KEY_DEPTH);
  } catch {
    // Not a field set, so not a key.
    return undefined;
  }
}

export function keyText(tree: KeyTree): string {
  return [...tree]
    .map(([field, below]) => (below.size === 0 ? field : `${field} { ${keyText(below)} }`))
    .toSorted()
    .join(" ");
}

function treeOf(set: SelectionSetNode, depth: number): KeyTree | undefined {
  if (depth === 0) return undefined;
  const tree = new Map<string, KeyTree>();
  for (const selection of set.selections) {
    if (selection.kind !== Kind.FIELD || selection.alias !== undefined) return undefined;
    if (selection.name.value.startsWith("_") || (selection.arguments?.length ?? 0) > 0) return undefined;
    if ((selection.directives?.length ?? 0) > 0 || tree.has(selection.name.value)) return undefined;
    const below =
      selection.selectionSet === undefined ? new Map() : treeOf(selection.selectionSet, depth - 1);
    if (below === undefined) return undefined;
    tree.set(selection.name.value, below);
  }
  return tree;
}
