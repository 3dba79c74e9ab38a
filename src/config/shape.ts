// The form of the configuration as plain data, so that flags, environment, help and completion need no validator. The table
// (flags.generated.ts) is derived from the JSON Schema of schema.ts. An option is a leaf: everything that one flag sets. Lists,
// records and either/or objects are leaves too, and are replaced as a whole.
// Invariant: what a shape reads from text, it writes back as text that reads the same.

import { readDuration, readSize, writeDuration, writeSize } from "./units.ts";

export type Shape =
  | { readonly type: "text" | "path" | "module" | "address" | "number" | "boolean" | "any" }
  | { readonly type: "duration" | "size" }
  | { readonly type: "enum"; readonly values: readonly string[] }
  | { readonly type: "object"; readonly fields: Readonly<Record<string, Field>> }
  | { readonly type: "either"; readonly of: readonly Shape[] }
  | { readonly type: "record"; readonly of: Shape }
  | { readonly type: "list"; readonly of: Shape };

export interface Field {
  readonly shape: Shape;
  readonly text: string;
  readonly required?: true;
  readonly secret?: true;
  /** As a user would write it. */
  readonly default?: unknown;
}

export interface Option extends Field {
  /** "ingress.listen" */
  readonly key: string;
  /** Without the leading hyphens. */
  readonly flag: string;
  readonly env: string;
  /** "live" keys become events; "boot" keys need a restart. */
  readonly reload: "boot" | "live";
}

export type Path = readonly (string | number)[];

const PLAIN_KEY = /^[A-Za-z_$][A-Za-z0-9_$-]*$/;

/** `services[0].name`; a key that is no plain word is quoted: `headers["x.y"]`. */
export function pathText(path: Path): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (PLAIN_KEY.test(step)) text += text === "" ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}

/** Reads what `pathText` writes; undefined when it is no path. */
export function readPath(text: string): Path | undefined {
  const path: (string | number)[] = [];
  const step = /(?:^|\.)([A-Za-z_$][A-Za-z0-9_$-]*)|\[(\d{1,6})\]|\[("(?:[^"\\]|\\.)*")\]/y;
  while (step.lastIndex < text.length) {
    const [, key, index, quoted] = step.exec(text) ?? [];
    if (key !== undefined) path.push(key);
    else if (index !== undefined) path.push(Number(index));
    else if (quoted === undefined) return undefined;
    else path.push(JSON.parse(quoted) as string);
  }
  return path.length === 0 ? undefined : path;
}

/** The table as one object, in which groups are fields too. */
export function rootShape(options: readonly Option[]): Shape {
  type Group = { [key: string]: Field | Group };
  const root: Group = {};
  for (const option of options) {
    const steps = option.key.split(".");
    const leaf = steps.pop() ?? "";
    let group = root;
    for (const step of steps) group = (group[step] ??= {}) as Group;
    group[leaf] = option;
  }
  const close = (group: Group): Shape => ({
    type: "object",
    fields: Object.fromEntries(
      Object.entries(group).map(([key, each]) => [
        key,
        isField(each) ? each : { shape: close(each), text: "" },
      ]),
    ),
  });
  const isField = (each: Field | Group): each is Field =>
    typeof (each as Field).shape === "object" && typeof (each as Field).text === "string";
  return close(root);
}

/** The shape at a path, or undefined where the schema has nothing. Of either/or objects, the one that has the key. */
export function shapeAt(shape: Shape | undefined, path: Path): Shape | undefined {
  const [step, ...rest] = path;
  if (shape === undefined || step === undefined) return shape;
  if (shape.type === "list") return shapeAt(typeof step === "number" ? shape.of : undefined, rest);
  if (shape.type === "record") return shapeAt(shape.of, rest);
  if (shape.type === "any") return shape;
  const fields = fieldsOf(shape);
  const field = Object.hasOwn(fields, step) ? fields[step] : undefined;
  return shapeAt(field?.shape, rest);
}

/** The fields an object of this shape may have. */
export function fieldsOf(shape: Shape | undefined): Readonly<Record<string, Field>> {
  if (shape?.type === "object") return shape.fields;
  if (shape?.type !== "either") return {};
  return Object.assign({}, ...shape.of.toReversed().map(fieldsOf)) as Record<string, Field>;
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Turns decoded values (milliseconds, bytes) back into what a user writes. */
export function encode(shape: Shape | undefined, value: unknown): unknown {
  if (shape?.type === "duration" && typeof value === "number") return writeDuration(value);
  if (shape?.type === "size" && typeof value === "number") return writeSize(value);
  return mapInside(shape, value, encode);
}

/** Turns what a user writes into decoded values; only for values that passed the schema. */
export function decode(shape: Shape | undefined, value: unknown): unknown {
  if (shape?.type === "duration" && typeof value === "string") return readDuration(value);
  if (shape?.type === "size" && typeof value === "string") return readSize(value);
  return mapInside(shape, value, decode);
}

/** Applies `map` to what stands directly inside an object or list of this shape. */
export function mapInside(
  shape: Shape | undefined,
  value: unknown,
  map: (shape: Shape | undefined, value: unknown) => unknown,
): unknown {
  if (Array.isArray(value)) return value.map((each, index) => map(shapeAt(shape, [index]), each));
  if (!isObject(value) || shape?.type === "any") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, map(shapeAt(shape, [key]), each)]),
  );
}

/** Leaves out what the schema would fill in by itself, so that only what was asked for remains. */
export function withoutDefaults(shape: Shape | undefined, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((each, index) => withoutDefaults(shapeAt(shape, [index]), each));
  if (!isObject(value) || shape === undefined || shape.type === "any" || shape.type === "record")
    return value;
  const fields = fieldsOf(shape);
  const kept = Object.entries(value).flatMap(([key, each]) => {
    const field = fields[key];
    const inner = withoutDefaults(field?.shape, each);
    const asked = inner !== undefined && !isDefault(field, inner);
    return asked ? [[key, inner] as const] : [];
  });
  return Object.fromEntries(kept);
}

function isDefault(field: Field | undefined, value: unknown): boolean {
  if (field === undefined) return false;
  // A group of options has no default of its own: empty says nothing.
  const standard = field.default ?? (field.text === "" ? {} : undefined);
  return standard !== undefined && JSON.stringify(standard) === JSON.stringify(value);
}
