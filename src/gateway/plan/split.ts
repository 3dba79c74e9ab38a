// Splits an operation into what is answered here (`__schema`, `__type`, the empty graph's health field) and what is planned:
// the planner knows no path to introspection fields. Root `__typename` needs no fetch either; it is a constant of the
// projection. Invariant: local and remote part together have exactly the root fields of the operation, but for `__typename`.

import {
  Kind,
  type DocumentNode,
  type FragmentDefinitionNode,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
  visit,
} from "graphql";
import { fragmentsOf } from "./limits.ts";

export interface Split {
  /** Only the local root fields; absent when there are none. */
  readonly local?: DocumentNode;
  /** What goes to the planner; absent when nothing is to be fetched. */
  readonly remote?: DocumentNode;
}

export function split(
  document: DocumentNode,
  operation: OperationDefinitionNode,
  isLocal: (field: string) => boolean,
): Split {
  const fragments = fragmentsOf(document);
  const local = pick(operation.selectionSet.selections, fragments, isLocal);
  const remote = pick(
    operation.selectionSet.selections,
    fragments,
    (field) => field !== "__typename" && !isLocal(field),
  );
  return {
    ...(local.length > 0 && { local: only(operation, local, fragments) }),
    // Untouched when nothing was split off: `__typename` beside other fields costs the planner nothing.
    ...(remote.length > 0 && {
      remote: local.length > 0 ? only(operation, remote, fragments) : document,
    }),
  };
}

function pick(
  selections: readonly SelectionNode[],
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  wanted: (field: string) => boolean,
): SelectionNode[] {
  const picked: SelectionNode[] = [];
  for (const selection of selections) {
    if (selection.kind === "Field") {
      if (wanted(selection.name.value)) picked.push(selection);
      continue;
    }
    const body = selection.kind === "InlineFragment" ? selection : fragments.get(selection.name.value);
    if (body === undefined) continue;
    const inner = pick(body.selectionSet.selections, fragments, wanted);
    if (inner.length === 0) continue;
    picked.push({
      kind: Kind.INLINE_FRAGMENT,
      ...(body.typeCondition !== undefined && { typeCondition: body.typeCondition }),
      directives: selection.directives ?? [],
      selectionSet: { kind: Kind.SELECTION_SET, selections: inner },
    });
  }
  return picked;
}

/** The operation with other root selections, its used variables and the fragments it still reaches. */
function only(
  operation: OperationDefinitionNode,
  selections: readonly SelectionNode[],
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
): DocumentNode {
  const selectionSet: SelectionSetNode = { kind: Kind.SELECTION_SET, selections };
  const reached = new Set<FragmentDefinitionNode>();
  const variables = new Set<string>();
  const walk = (set: SelectionSetNode): void => {
    visit(set, {
      Variable: (node) => void variables.add(node.name.value),
      FragmentSpread: (node) => {
        const fragment = fragments.get(node.name.value);
        if (fragment === undefined || reached.has(fragment)) return;
        reached.add(fragment);
        walk(fragment.selectionSet);
      },
    });
  };
  walk(selectionSet);
  const variableDefinitions = operation.variableDefinitions?.filter((definition) =>
    variables.has(definition.variable.name.value),
  );
  return {
    kind: Kind.DOCUMENT,
    definitions: [{ ...operation, variableDefinitions: variableDefinitions ?? [], selectionSet }, ...reached],
  };
}
