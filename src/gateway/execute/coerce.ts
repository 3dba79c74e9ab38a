// Coerces the client's variables (GraphQL specification, section 6.1.2) from the shapes that came with the program; the schema
// itself is not needed. Invariant: the result has no prototype, so a variable may be called anything, and holds only variables
// that the operation declares.

import type { InputShape, TypeShape, VariableShape } from "../plan/program.ts";

export type Variables = Readonly<Record<string, unknown>>;

export type Coerced =
  | { readonly ok: true; readonly variables: Variables }
  | { readonly ok: false; readonly message: string };

export const NO_VARIABLES: Variables = Object.freeze(Object.create(null) as Record<string, unknown>);

/** Lists and input objects in each other; deeper values are refused before they exhaust the stack. */
const DEPTH_MAX = 100;

export function coerceVariables(
  shapes: readonly VariableShape[],
  inputs: Readonly<Record<string, InputShape>>,
  given: Readonly<Record<string, unknown>> | undefined,
): Coerced {
  if (shapes.length === 0) return { ok: true, variables: NO_VARIABLES };
  const variables = Object.create(null) as Record<string, unknown>;
  for (const { name, type, fallback } of shapes) {
    const value = given !== undefined && Object.hasOwn(given, name) ? given[name] : undefined;
    if (value === undefined) {
      if (fallback !== undefined) variables[name] = fallback.value;
      else if (type.required) return wrong(`variable "$${name}" of type "${print(type)}" is required`);
      continue;
    }
    const coerced = coerce(value, type, inputs, 0);
    if (coerced instanceof Misfit) return wrong(`variable "$${name}"${coerced.path}: ${coerced.reason}`);
    variables[name] = coerced;
  }
  return { ok: true, variables };
}

class Misfit {
  readonly path: string;
  readonly reason: string;
  constructor(reason: string, path = "") {
    this.reason = reason;
    this.path = path;
  }
}

function coerce(
  value: unknown,
  type: TypeShape,
  inputs: Readonly<Record<string, InputShape>>,
  depth: number,
): unknown {
  if (value === null) return type.required ? new Misfit(`"${print(type)}" may not be null`) : null;
  if (depth > DEPTH_MAX) return new Misfit("the value is nested too deeply");
  switch (type.kind) {
    case "scalar":
      return coerceScalar(value, type);
    case "enum":
      return typeof value === "string" && type.values.includes(value)
        ? value
        : new Misfit(`not a value of enum "${type.name}"`);
    case "list": {
      // A single value stands for a list of one.
      if (!Array.isArray(value)) {
        const single = coerce(value, type.of, inputs, depth + 1);
        return single instanceof Misfit ? single : [single];
      }
      const list: unknown[] = [];
      for (const item of value as readonly unknown[]) {
        const coerced = coerce(item, type.of, inputs, depth + 1);
        if (coerced instanceof Misfit) return new Misfit(coerced.reason, `[${list.length}]${coerced.path}`);
        list.push(coerced);
      }
      return list;
    }
    case "input":
      return coerceInput(value, type.name, inputs, depth);
  }
}

function coerceInput(
  value: unknown,
  name: string,
  inputs: Readonly<Record<string, InputShape>>,
  depth: number,
): unknown {
  const shape = inputs[name];
  if (shape === undefined || typeof value !== "object" || value === null || Array.isArray(value)) {
    return new Misfit(`not an object of input type "${name}"`);
  }
  const given = value as Readonly<Record<string, unknown>>;
  const object: Record<string, unknown> = {};
  for (const key of Object.keys(given)) {
    const field = Object.hasOwn(shape.fields, key) ? shape.fields[key] : undefined;
    if (field === undefined)
      return new Misfit(`input type "${name}" has no such field`, `.${key.slice(0, 100)}`);
    if (given[key] === undefined) continue;
    const coerced = coerce(given[key], field.type, inputs, depth + 1);
    if (coerced instanceof Misfit) return new Misfit(coerced.reason, `.${key}${coerced.path}`);
    object[key] = coerced;
  }
  for (const [key, field] of Object.entries(shape.fields)) {
    if (!field.optional && object[key] === undefined) {
      return new Misfit(`field "${key}" of type "${print(field.type)}" is required`);
    }
  }
  if (shape.oneOf) {
    const [only, ...others] = Object.values(object);
    if (only === undefined || only === null || others.length > 0) {
      return new Misfit(`exactly one field of "${name}" must be given`);
    }
  }
  return object;
}

function coerceScalar(value: unknown, type: Extract<TypeShape, { kind: "scalar" }>): unknown {
  const misfit = () => new Misfit(`not a value of type "${type.name}"`);
  switch (type.name) {
    case "Int":
      return Number.isInteger(value) && Math.abs(value as number) <= 2_147_483_648 && value !== 2_147_483_648
        ? value
        : misfit();
    case "Float":
      return typeof value === "number" && Number.isFinite(value) ? value : misfit();
    case "String":
      return typeof value === "string" ? value : misfit();
    case "Boolean":
      return typeof value === "boolean" ? value : misfit();
    case "ID":
      if (typeof value === "string") return value;
      return Number.isInteger(value) ? String(value) : misfit();
    default:
      // Custom scalars are the service's own matter.
      return value;
  }
}

function print(type: TypeShape): string {
  const name = type.kind === "list" ? `[${print(type.of)}]` : type.name;
  return type.required ? `${name}!` : name;
}

const wrong = (message: string): Coerced => ({ ok: false, message });
