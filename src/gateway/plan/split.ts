// Splits an operation by who answers its root fields. Some are answered here (`__schema`, `__type`, the empty graph's health field):
// the planner knows no path to introspection fields. The others go to the planner of the section they are in; sections share no type,
// so each plans its fields without the others. Mutations run one after the other in the order of the document: there a piece ends
// where the next field is of another section. Root `__typename` needs no fetch; it is a constant of the projection. Invariant: local
// part and pieces together have exactly the root fields of the operation, but for `__typename`, and each response key is in one piece.

import {
  Kind,
  type DocumentNode,
  type FieldNode,
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
  /** What goes to the planners; empty when nothing is to be fetched. */
  readonly remote: readonly Piece[];
}

export interface Piece {
  readonly section: number;
  readonly document: DocumentNode;
}

export function split(
  document: DocumentNode,
  operation: OperationDefinitionNode,
  isLocal: (field: string) => boolean,
  sectionOf: (field: string) => number,
): Split {
  const fragments = fragmentsOf(document);
  const { selections } = operation.selectionSet;
  const local = pick(selections, fragments, ({ name }) => isLocal(name.value));
  const { sections, pieces } = cut(operation, fragments, isLocal, sectionOf);
  const [first] = sections;
  if (first === undefined || (sections.length === 1 && local.length === 0)) {
    // Untouched when nothing was split off: `__typename` beside other fields costs the planner nothing.
    const remote = first === undefined ? [] : [{ section: first, document }];
    return { remote, ...(local.length > 0 && { local: only(operation, local, fragments) }) };
  }
  const remote = sections.map((section, at) => {
    const picked = pick(selections, fragments, (field) => pieces.get(responseKey(field)) === at);
    return { section, document: only(operation, picked, fragments) };
  });
  return { remote, ...(local.length > 0 && { local: only(operation, local, fragments) }) };
}

/** The section of each piece, and to the response key of each planned field its piece. */
function cut(
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  isLocal: (field: string) => boolean,
  sectionOf: (field: string) => number,
): { sections: number[]; pieces: ReadonlyMap<string, number> } {
  const sections: number[] = [];
  const pieces = new Map<string, number>();
  for (const field of rootFields(operation.selectionSet, fragments)) {
    const name = field.name.value;
    if (name === "__typename" || isLocal(name) || pieces.has(responseKey(field))) continue;
    const section = sectionOf(name);
    const from = operation.operation === "mutation" ? Math.max(0, sections.length - 1) : 0;
    const known = sections.indexOf(section, from);
    pieces.set(responseKey(field), known < 0 ? sections.push(section) - 1 : known);
  }
  return { sections, pieces };
}

/** In the order in which a service would run them. */
function* rootFields(
  { selections }: SelectionSetNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
): Iterable<FieldNode> {
  for (const selection of selections) {
    if (selection.kind === "Field") yield selection;
    else {
      const body = selection.kind === "InlineFragment" ? selection : fragments.get(selection.name.value);
      if (body !== undefined) yield* rootFields(body.selectionSet, fragments);
    }
  }
}

const responseKey = ({ alias, name }: FieldNode): string => alias?.value ?? name.value;

function pick(
  selections: readonly SelectionNode[],
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  wanted: (field: FieldNode) => boolean,
): SelectionNode[] {
  const picked: SelectionNode[] = [];
  for (const selection of selections) {
    if (selection.kind === "Field") {
      if (wanted(selection)) picked.push(selection);
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
