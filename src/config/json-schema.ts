// The configuration's schema as JSON Schema: with the keys that the generators read, and as editors get it
// (schema/catalyst.schema.json, `catalyst config schema`). As users write it, so durations are texts and defaults optional.

import * as z from "zod/mini";
import { schema } from "./schema.ts";

/** Keys for the generators, of no use to an editor. */
const OWN_KEYS = new Set(["kind", "flag", "env", "secret", "reload"]);

export const jsonSchema = (): object => z.toJSONSchema(schema, { io: "input" });

export function publishedSchema(): object {
  const strip = (value: unknown, names: boolean): unknown => {
    if (Array.isArray(value)) return value.map((each) => strip(each, false));
    if (typeof value !== "object" || value === null) return value;
    // Below "properties" stand names of the configuration, which may be called like a key of ours.
    const kept = Object.entries(value).filter(([key]) => names || !OWN_KEYS.has(key));
    return Object.fromEntries(kept.map(([key, each]) => [key, strip(each, !names && key === "properties")]));
  };
  const { $schema, properties, ...rest } = strip(jsonSchema(), false) as Record<string, unknown>;
  return {
    $schema,
    title: "Catalyst Node configuration",
    ...rest,
    properties: {
      $schema: { type: "string", description: "where editors find this schema" },
      ...(properties as object),
    },
  };
}
