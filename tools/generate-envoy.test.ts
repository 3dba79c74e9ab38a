// The generated Envoy code is what the pinned binary and the list of messages give today, and nothing in the list is idle.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { needs } from "../test/kit/needs.ts";
import { MESSAGES } from "./envoy-messages.ts";
import { generateEnvoy, pinnedEnvoy } from "./generate-envoy.ts";

const root = join(import.meta.dirname, "..");

test("the generated Envoy code is in step with the pinned binary", needs("envoy"), () => {
  const generated = generateEnvoy(pinnedEnvoy());
  assert.deepEqual(
    Object.keys(generated).toSorted(),
    readdirSync(join(root, "src/envoy/generated")).map((name) => `src/envoy/generated/${name}`),
  );
  for (const [path, text] of Object.entries(generated))
    assert.equal(readFileSync(join(root, path), "utf8"), text, `${path}: run node tools/generate-envoy.ts`);
});

test("every field of the list is written by someone", () => {
  const sources = readdirSync(join(root, "src/envoy"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.includes("generated") && !/test/.test(file))
    .map((file) => readFileSync(join(root, "src/envoy", file), "utf8"))
    .join("\n");
  const idle = Object.entries(MESSAGES).flatMap(([message, list]) =>
    list
      .split(" ")
      .map((field) => field.replace("!", ""))
      .filter((field) => field !== "" && !new RegExp(`\\b${field}\\b`).test(sources))
      .map((field) => `${message}.${field}`),
  );
  assert.deepEqual(idle, []);
});
