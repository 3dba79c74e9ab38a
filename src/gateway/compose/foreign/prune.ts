// Takes out of a catalog what cannot stand any more once something was left out: fields whose type is gone or is a root type, types
// without fields, keys whose fields are gone, interfaces that a type no longer fulfils. Done until nothing changes; each round
// removes something, so it ends. Invariant: afterwards every name that is used is defined, or is a built-in scalar.

import { Kind, type FieldDefinitionNode, type InputValueDefinitionNode, type TypeNode } from "graphql";
import type { Catalog, ForeignType } from "./catalog.ts";
import { keyText, keyTree, type KeyTree } from "./keys.ts";
import { BUILT_IN, type BorderNames } from "./names.ts";
import { Refusal } from "./refusal.ts";

/** A type that goes may take the next one along; real schemas need two or three rounds. */
const ROUNDS_MAX = 50;

export function prune(catalog: Catalog, names: BorderNames): void {
  const { types, roots } = catalog;
  types.delete(roots.subscription);
  for (const [name, type] of types) {
    if (type.hidden && !names.isShared(name)) types.delete(name);
    // Its keys are of ours and were chosen already.
    else if (!names.isShared(name)) settleKeys(type, types);
  }
  let rounds = 0;
  for (let changed = true; changed; rounds++) {
    if (rounds > ROUNDS_MAX)
      throw new Refusal(
        "ERR_SCHEMA_INVALID",
        `more than ${ROUNDS_MAX} of its types hang on a missing one in a row`,
      );
    changed = false;
    for (const type of [...types.values()]) changed = pruneType(type, catalog) || changed;
  }
  for (const type of types.values()) dropUnfulfilled(type, types);
}

/** A doubtful field stays only where a key needs it. */
function settleKeys(type: ForeignType, types: ReadonlyMap<string, ForeignType>): void {
  const needed = new Set<string>();
  const keys = new Map<string, boolean>();
  for (const { fields, resolvable } of type.keys) {
    const tree = keyTree(fields);
    if (tree === undefined || !exists(tree, type, types)) continue;
    keys.set(keyText(tree), resolvable);
    for (const field of tree.keys()) needed.add(field);
  }
  type.keys = [...keys].map(([fields, resolvable]) => ({ fields, resolvable }));
  for (const field of type.doubtful) if (!needed.has(field)) type.fields.delete(field);
  type.doubtful.clear();
}

function pruneType(type: ForeignType, catalog: Catalog): boolean {
  const { types, roots } = catalog;
  const size = type.fields.size + type.inputs.size + type.members.size + type.keys.length;
  for (const [name, field] of type.fields) {
    const kept = pruneField(field, catalog);
    if (kept === undefined) type.fields.delete(name);
    else if (kept !== field) type.fields.set(name, kept);
  }
  let unusable = false;
  for (const [name, input] of type.inputs) {
    if (isInput(input.type, types) && !name.startsWith("_")) continue;
    type.inputs.delete(name);
    unusable ||= isRequired(input);
  }
  for (const member of type.members) if (types.get(member)?.kind !== "object") type.members.delete(member);
  for (const one of type.interfaces) if (types.get(one)?.kind !== "interface") type.interfaces.delete(one);
  type.keys = type.keys.filter(({ fields }) => exists(keyTree(fields), type, types));
  const isRoot = type.name === roots.query || type.name === roots.mutation;
  if (unusable || isEmpty(type) || (isRoot && type.kind !== "object")) {
    types.delete(type.name);
    return true;
  }
  return size !== type.fields.size + type.inputs.size + type.members.size + type.keys.length;
}

function pruneField(field: FieldDefinitionNode, catalog: Catalog): FieldDefinitionNode | undefined {
  const { types, roots } = catalog;
  const named = nameOf(field.type);
  // A field that returns the root would open our whole graph below theirs.
  if (named === roots.query || named === roots.mutation) return undefined;
  if (!BUILT_IN.has(named) && (types.get(named)?.kind ?? "input") === "input") return undefined;
  const dead = (field.arguments ?? []).filter(
    ({ name, type }) => name.value.startsWith("_") || !isInput(type, types),
  );
  if (dead.length === 0) return field;
  if (dead.some(isRequired)) return undefined;
  return { ...field, arguments: (field.arguments ?? []).filter((one) => !dead.includes(one)) };
}

function isInput(type: TypeNode, types: ReadonlyMap<string, ForeignType>): boolean {
  const name = nameOf(type);
  if (BUILT_IN.has(name)) return true;
  const kind = types.get(name)?.kind;
  return kind === "input" || kind === "enum" || kind === "scalar";
}

function isEmpty({ kind, fields, inputs, values, members }: ForeignType): boolean {
  switch (kind) {
    case "object":
    case "interface":
      return fields.size === 0;
    case "input":
      return inputs.size === 0;
    case "enum":
      return values.size === 0;
    case "union":
      return members.size === 0;
    case "scalar":
      return false;
  }
}

function exists(
  tree: KeyTree | undefined,
  type: ForeignType | undefined,
  types: ReadonlyMap<string, ForeignType>,
): boolean {
  if (tree === undefined || type === undefined || tree.size === 0) return false;
  for (const [name, below] of tree) {
    const field = type.fields.get(name);
    if (field === undefined || (field.arguments?.length ?? 0) > 0) return false;
    const inner = types.get(nameOf(field.type));
    const leaf = inner === undefined || inner.kind === "scalar" || inner.kind === "enum";
    if (leaf !== (below.size === 0)) return false;
    if (!leaf && (inner.kind !== "object" || !exists(below, inner, types))) return false;
  }
  return true;
}

function dropUnfulfilled(type: ForeignType, types: ReadonlyMap<string, ForeignType>): void {
  for (const name of type.interfaces) {
    const fields = types.get(name)?.fields ?? new Map<string, FieldDefinitionNode>();
    for (const field of fields.keys()) if (!type.fields.has(field)) type.interfaces.delete(name);
  }
}

const isRequired = ({ type, defaultValue }: InputValueDefinitionNode): boolean =>
  type.kind === Kind.NON_NULL_TYPE && defaultValue === undefined;

export function nameOf(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : nameOf(type.type);
}
