// `catalyst config schema`: the JSON Schema that schema/catalyst.schema.json holds.

import { publishedSchema } from "#config";
import type { Answer } from "../verb.ts";

export async function run(): Promise<Answer> {
  const schema = await publishedSchema();
  return { data: schema, text: () => JSON.stringify(schema, null, 2) };
}
