// From the JSON Schema of the configuration to the flag table. Reads the JSON Schema only, never the validator's inside, so
// that the validator could be another one.

import type { Field, Option, Shape } from "../src/config/shape.ts";

/** The parts of JSON Schema that the configuration uses, and the keys that schema.ts adds by `meta`. */
export interface JsonSchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly enum?: readonly string[];
  readonly additionalProperties?: JsonSchema | false;
  readonly default?: unknown;
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  readonly kind?: "duration" | "size" | "address" | "path" | "module";
  readonly flag?: string;
  readonly env?: string;
  readonly secret?: boolean;
  readonly reload?: "boot" | "live";
}

export function optionsFrom(schema: JsonSchema): Option[] {
  const options = [...leaves(schema, [], "boot")];
  for (const name of ["key", "flag", "env"] as const) {
    const values = options.map((each) => each[name]);
    const twice = values.find((each, index) => values.indexOf(each) !== index);
    if (twice !== undefined) throw new Error(`two options have the ${name} ${twice}`);
  }
  return options;
}

function* leaves(schema: JsonSchema, path: readonly string[], reload: "boot" | "live"): Generator<Option> {
  for (const [key, each] of Object.entries(schema.properties ?? {})) {
    const inner = [...path, key];
    const changes = each.reload ?? reload;
    if (each.properties !== undefined) {
      yield* leaves(each, inner, changes);
      continue;
    }
    const words = inner.map(kebab).join("-");
    yield {
      key: inner.join("."),
      flag: each.flag ?? words,
      env: each.env ?? `CATALYST_${words.replaceAll("-", "_").toUpperCase()}`,
      reload: changes,
      ...field(each, schema.required?.includes(key) === true, inner.join(".")),
    };
  }
}

const kebab = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

function field(schema: JsonSchema, required: boolean, name: string): Field {
  if (schema.description === undefined) throw new Error(`${name} has no description`);
  return {
    shape: shapeFrom(schema, name),
    text: schema.description,
    ...(required ? { required } : {}),
    ...(schema.secret === true ? { secret: true } : {}),
    ...(schema.default === undefined ? {} : { default: schema.default }),
  };
}

function shapeFrom(schema: JsonSchema, name: string): Shape {
  if (schema.kind !== undefined) return { type: schema.kind };
  if (schema.enum !== undefined) return { type: "enum", values: schema.enum };
  if (schema.anyOf !== undefined) {
    return { type: "either", of: schema.anyOf.map((each) => shapeFrom(each, name)) };
  }
  if (schema.items !== undefined) return { type: "list", of: shapeFrom(schema.items, `${name}[]`) };
  if (schema.properties !== undefined) {
    const fields = Object.entries(schema.properties).map(
      ([key, each]) => [key, field(each, schema.required?.includes(key) === true, `${name}.${key}`)] as const,
    );
    return { type: "object", fields: Object.fromEntries(fields) };
  }
  if (typeof schema.additionalProperties === "object") {
    return { type: "record", of: shapeFrom(schema.additionalProperties, `${name}.*`) };
  }
  return plainShape(schema, name);
}

function plainShape(schema: JsonSchema, name: string): Shape {
  switch (schema.type) {
    case "string":
      return { type: "text" };
    case "boolean":
      return { type: "boolean" };
    case "number":
    case "integer":
      return { type: "number" };
    case undefined:
      return { type: "any" };
    default:
      throw new Error(`${name} has the type ${schema.type}, for which there is no flag form`);
  }
}
