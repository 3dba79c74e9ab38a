// A shared type is an entity of ours to which a peer may add fields, and nothing else: it cannot redefine what we have, bring a key,
// implement an interface or be shareable (then the planner could pick either side). So of the peer's definition only the key
// fields remain, in our types, and the fields that no service of ours has. Where keys do not match, the service is refused.

import { Kind, parseType, type FieldDefinitionNode, type TypeNode } from "graphql";
import type { Catalog, ForeignType } from "./catalog.ts";
import { keyText, keyTree } from "./keys.ts";
import { BUILT_IN } from "./names.ts";
import type { OwnGraph, OwnType } from "./own.ts";
import { Refusal } from "./refusal.ts";

/** Reduces the shared types of a catalog in place; answers scalars of ours that their keys use. */
export function reduceShared(catalog: Catalog, shared: readonly string[], own: OwnGraph): Set<string> {
  const scalars = new Set<string>();
  const { query, mutation, subscription } = catalog.roots;
  for (const name of shared) {
    if (BUILT_IN.has(name) || ["Query", "Mutation", "Subscription"].includes(name))
      throw conflict(`type "${name}" cannot be shared`);
    const type = catalog.types.get(name);
    if (type === undefined) continue;
    if ([query, mutation, subscription].includes(name))
      throw conflict(`type "${name}" is a root type there and cannot be shared`);
    reduce(type, ourEntity(name, own), scalars);
  }
  return scalars;
}

function ourEntity(name: string, own: OwnGraph): OwnType {
  const ours = own.get(name);
  if (ours === undefined) throw conflict(`shared type "${name}" is not in the graph of this organization`);
  if (!ours.object || ours.keys.size === 0)
    throw conflict(`shared type "${name}" is no entity of this organization: it has no @key`);
  return ours;
}

function reduce(type: ForeignType, ours: OwnType, scalars: Set<string>): void {
  const { name } = type;
  if (type.kind !== "object") throw conflict(`shared type "${name}" is no object type there`);
  const keys = type.keys.flatMap(({ fields, resolvable }) => {
    const tree = keyTree(fields);
    const text = tree === undefined ? "" : keyText(tree);
    const flat = tree !== undefined && [...tree.values()].every((below) => below.size === 0);
    return flat && ours.keys.has(text) ? [{ fields: text, resolvable }] : [];
  });
  if (keys.length === 0) {
    const theirs = type.keys.map(({ fields }) => `"${fields.slice(0, 100)}"`).join(", ") || "none";
    const mine = [...ours.keys].map((key) => `"${key}"`).join(", ");
    throw conflict(`keys of shared type "${name}" differ: ours ${mine}; there ${theirs}`);
  }
  const fields = new Map<string, FieldDefinitionNode>();
  for (const field of new Set(keys.flatMap((key) => key.fields.split(" "))))
    fields.set(field, keyField(type, field, ours, scalars));
  for (const [field, node] of type.fields) {
    if (fields.has(field) || ours.fields.has(field) || type.doubtful.has(field)) continue;
    fields.set(field, withoutShareable(node));
  }
  type.keys = keys;
  type.fields = fields;
  type.doubtful.clear();
  type.interfaces = new Set();
  type.shareable = false;
  type.hidden = false;
}

/** Ours in everything but what it is called. */
function keyField(
  type: ForeignType,
  field: string,
  ours: OwnType,
  scalars: Set<string>,
): FieldDefinitionNode {
  const wanted = ours.fields.get(field);
  const known = type.fields.get(field);
  if (wanted === undefined || known === undefined)
    throw conflict(`key field "${type.name}.${field}" is not on both sides`);
  const node = parseType(wanted, { noLocation: true });
  const named = wanted.replace(/!$/, "");
  if (text(known.type).replace(/!$/, "") !== named)
    throw conflict(`key field "${type.name}.${field}" is ${named} here and ${text(known.type)} there`);
  if (!/^\w+$/.test(named)) throw conflict(`key field "${type.name}.${field}" is no plain value`);
  if (!BUILT_IN.has(named)) scalars.add(named);
  return { kind: Kind.FIELD_DEFINITION, name: { kind: Kind.NAME, value: field }, type: node };
}

function withoutShareable(node: FieldDefinitionNode): FieldDefinitionNode {
  return { ...node, directives: (node.directives ?? []).filter(({ name }) => name.value !== "shareable") };
}

function text(type: TypeNode): string {
  switch (type.kind) {
    case Kind.NAMED_TYPE:
      return type.name.value;
    case Kind.LIST_TYPE:
      return `[${text(type.type)}]`;
    case Kind.NON_NULL_TYPE:
      return `${text(type.type)}!`;
  }
}

const conflict = (because: string): Refusal => new Refusal("ERR_SCHEMA_CONFLICT", because);
