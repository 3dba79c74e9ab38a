// A configuration value that remembers, at each of its places, where it came from: file and line, environment variable, flag.
// Sources become trees, trees are laid over each other, and every problem is told with the place of the very value it is about.
// Invariant: merging never loses a place; an option (a leaf of the table) always comes from one source as a whole.

import { relative } from "node:path";
import { type Path, type Shape, isObject } from "./shape.ts";

export type Origin =
  /** Line 0 is the file as a whole. */
  | { readonly kind: "file"; readonly file: string; readonly line: number; readonly column: number }
  | { readonly kind: "env"; readonly name: string }
  /** The flag with its hyphens, or `--set key`. */
  | { readonly kind: "flag"; readonly flag: string }
  | { readonly kind: "default" };

export interface Tree {
  readonly origin: Origin;
  /** Where the key of this value stands, when that is another place than the value's. */
  readonly keyOrigin?: Origin;
  readonly content: Content;
}

type Content =
  | { readonly type: "value"; readonly value: unknown }
  | { readonly type: "object"; readonly fields: ReadonlyMap<string, Tree> }
  | { readonly type: "list"; readonly items: readonly Tree[] };

/** In short, as tables and messages show it; with `cwd`, a file below that directory without the way there. */
export function originText(origin: Origin, cwd?: string): string {
  if (origin.kind === "env") return origin.name;
  if (origin.kind === "flag") return origin.flag;
  if (origin.kind === "default") return "default";
  const inside = cwd === undefined ? ".." : relative(cwd, origin.file);
  const file = inside.startsWith("..") ? origin.file : inside;
  return origin.line === 0 ? file : `${file}:${origin.line}:${origin.column}`;
}

export const emptyTree = (): Tree => ({
  origin: { kind: "default" },
  content: { type: "object", fields: new Map() },
});

/** A plain value of which every part has the same origin. */
export function treeOf(value: unknown, origin: Origin): Tree {
  if (Array.isArray(value)) {
    return { origin, content: { type: "list", items: value.map((each) => treeOf(each, origin)) } };
  }
  if (!isObject(value)) return { origin, content: { type: "value", value } };
  const fields = new Map(Object.entries(value).map(([key, each]) => [key, treeOf(each, origin)]));
  return { origin, content: { type: "object", fields } };
}

/** The value without its origins. */
export function plain(tree: Tree): unknown {
  const { content } = tree;
  if (content.type === "value") return content.value;
  if (content.type === "list") return content.items.map(plain);
  return Object.fromEntries([...content.fields].map(([key, each]) => [key, plain(each)]));
}

const child = (tree: Tree, step: string | number): Tree | undefined => {
  const { content } = tree;
  if (content.type === "object") return content.fields.get(String(step));
  return content.type === "list" && typeof step === "number" ? content.items[step] : undefined;
};

/** The part at a path, or undefined. */
export const treeAt = (tree: Tree, path: Path): Tree | undefined =>
  path.reduce<Tree | undefined>((at, step) => (at === undefined ? at : child(at, step)), tree);

/** The origin of what stands at a path, or of the nearest thing around it. */
export function originAt(tree: Tree, path: Path): Origin {
  let at = tree;
  for (const step of path) {
    const next = child(at, step);
    if (next === undefined) break;
    at = next;
  }
  return at.origin;
}

/** Lays `above` over `below`: groups of options are merged, everything else is replaced. */
export function merge(below: Tree, above: Tree, shape: Shape | undefined): Tree {
  if (below.content.type !== "object" || above.content.type !== "object" || shape?.type !== "object")
    return above;
  const fields = new Map(below.content.fields);
  for (const [key, value] of above.content.fields) {
    const old = fields.get(key);
    const field = Object.hasOwn(shape.fields, key) ? shape.fields[key] : undefined;
    // A group is what the table has no option for; its text is empty (rootShape).
    const group = field?.text === "" ? field.shape : undefined;
    fields.set(key, old === undefined ? value : merge(old, value, group));
  }
  return {
    origin: below.origin.kind === "default" ? above.origin : below.origin,
    content: { type: "object", fields },
  };
}

/** The tree with `value` at `path`, or why that cannot be. Objects on the way are made; a list grows by one at most. */
export function assign(tree: Tree | undefined, path: Path, value: Tree): Tree | { readonly reason: string } {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  const content = tree?.content ?? { type: "value", value: undefined };
  if (typeof step === "number") {
    const items = content.type === "list" ? content.items : [];
    if (step > items.length)
      return { reason: `index ${step} is beyond the list, which has ${items.length} items` };
    const inner = assign(items[step], rest, value);
    if ("reason" in inner) return inner;
    const changed = items.toSpliced(step, 1, inner);
    return { origin: tree?.origin ?? value.origin, content: { type: "list", items: changed } };
  }
  const fields = content.type === "object" ? content.fields : new Map<string, Tree>();
  const inner = assign(fields.get(step), rest, value);
  if ("reason" in inner) return inner;
  const changed = new Map(fields).set(step, inner);
  return { origin: tree?.origin ?? value.origin, content: { type: "object", fields: changed } };
}

/** Applies `change` to each plain value, with the shape that the schema has for it. */
export function mapValues(
  tree: Tree,
  change: (path: Path, value: unknown, tree: Tree) => unknown,
  path: Path = [],
): Tree {
  const { content } = tree;
  if (content.type === "value") {
    return { ...tree, content: { type: "value", value: change(path, content.value, tree) } };
  }
  if (content.type === "list") {
    const items = content.items.map((each, index) => mapValues(each, change, [...path, index]));
    return { ...tree, content: { type: "list", items } };
  }
  const fields = new Map(
    [...content.fields].map(([key, each]) => [key, mapValues(each, change, [...path, key])]),
  );
  return { ...tree, content: { type: "object", fields } };
}
