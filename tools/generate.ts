// Writes everything in the repository that is derived from something else in it: `npm run generate`. With `--check` nothing is
// written, and the exit code says whether all of it is as it would be (test/generated.test.ts does the same).
// Invariant: the same sources give the same bytes; no clock, no machine, no order of a directory enters.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { generateConfig } from "./generate-config.ts";
import { generateReference } from "./generate-reference.ts";

/** Path from the root of the repository → whole content. */
export type Generated = Readonly<Record<string, string>>;

/** One line a subject; each returns what it would write. */
export const GENERATORS: readonly (() => Promise<Generated>)[] = [
  generateConfig,
  generateReference,
  generateFromEnvoy,
];

/** From the descriptors inside the pinned Envoy binary; where there is none, what is committed stands. */
async function generateFromEnvoy(): Promise<Generated> {
  const { generateEnvoy, pinnedEnvoy } = await import("./generate-envoy.ts");
  return existsSync(pinnedEnvoy()) ? generateEnvoy() : {};
}

const root = join(import.meta.dirname, "..");

export async function generateAll(): Promise<Generated> {
  const parts = await Promise.all(GENERATORS.map(async (each) => await each()));
  return Object.assign({}, ...parts) as Generated;
}

/** Paths whose file differs from what would be written. */
export const stale = (generated: Generated): string[] =>
  Object.entries(generated).flatMap(([path, content]) => {
    const file = join(root, path);
    return existsSync(file) && readFileSync(file, "utf8") === content ? [] : [path];
  });

if (import.meta.main) {
  const generated = await generateAll();
  const different = stale(generated);
  const check = process.argv.includes("--check");
  for (const path of different) {
    console.log(`${check ? "stale" : "wrote"} ${path}`);
    if (check) continue;
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), generated[path] ?? "");
  }
  if (check && different.length > 0) process.exitCode = 1;
}
