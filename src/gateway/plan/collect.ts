// CollectFields of the GraphQL specification (section 6.3.2), done once per document instead of once per request: `@skip` and
// `@include` are not decided but carried along as conditions, so that one projection serves all values of the variables.
// Invariant: a field's conditions are complete from the root down, so whoever writes it out needs no outer state.

import type { DirectiveNode, FieldNode, FragmentDefinitionNode, SelectionSetNode } from "graphql";

/** All of these must hold. `negate` is `@skip`. Empty = always. */
export type Condition = readonly { readonly variable: string; readonly negate: boolean }[];

/** One place where a response key is asked for. */
export interface Occurrence {
  readonly node: FieldNode;
  readonly condition: Condition;
}

export interface Source {
  readonly set: SelectionSetNode;
  readonly condition: Condition;
}

/** Response key to occurrences, in the order of the query, for an object of one concrete type. */
export function collect(
  sources: readonly Source[],
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  applies: (typeCondition: string) => boolean,
): Map<string, Occurrence[]> {
  const fields = new Map<string, Occurrence[]>();
  const walk = (set: SelectionSetNode, outer: Condition): void => {
    for (const selection of set.selections) {
      const condition = extend(outer, selection.directives);
      if (condition === undefined) continue;
      if (selection.kind === "Field") {
        const key = selection.alias?.value ?? selection.name.value;
        const known = fields.get(key);
        if (known === undefined) fields.set(key, [{ node: selection, condition }]);
        else known.push({ node: selection, condition });
        continue;
      }
      const body = selection.kind === "InlineFragment" ? selection : fragments.get(selection.name.value);
      if (body === undefined) continue;
      const type = body.typeCondition?.name.value;
      if (type === undefined || applies(type)) walk(body.selectionSet, condition);
    }
  };
  for (const source of sources) walk(source.set, source.condition);
  return fields;
}

/** Selection sets below one response key. */
export function below(occurrences: readonly Occurrence[]): Source[] {
  const sources: Source[] = [];
  for (const { node, condition } of occurrences) {
    if (node.selectionSet !== undefined) sources.push({ set: node.selectionSet, condition });
  }
  return sources;
}

/** As a JavaScript expression over `V`, the coerced variables; undefined = always true. */
export function expression(conditions: readonly Condition[]): string | undefined {
  const terms = new Set<string>();
  for (const condition of conditions) {
    if (condition.length === 0) return undefined;
    const literals = condition.map(({ variable, negate }) => `${negate ? "!" : ""}V.${variable}`);
    terms.add(literals.toSorted().join("&&"));
  }
  return [...terms].map((term) => `(${term})`).join("||");
}

/** Undefined = never, because a literal says so. */
function extend(outer: Condition, directives: readonly DirectiveNode[] = []): Condition | undefined {
  let condition = outer;
  for (const directive of directives) {
    const negate = directive.name.value === "skip";
    if (!negate && directive.name.value !== "include") continue;
    const value = directive.arguments?.find((argument) => argument.name.value === "if")?.value;
    if (value?.kind === "BooleanValue") {
      if (value.value === negate) return undefined;
    } else if (value?.kind === "Variable") {
      const variable = value.name.value;
      const known = condition.find((literal) => literal.variable === variable);
      if (known === undefined) condition = [...condition, { variable, negate }];
      else if (known.negate !== negate) return undefined;
    }
  }
  return condition;
}
