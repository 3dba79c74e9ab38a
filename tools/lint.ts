// What oxlint is told, derived from the table of rooms, so that a room is called pure in one place only. Run by hand it
// writes .oxlintrc.json; test/tidy.test.ts fails when that file differs. Lint sees what one file says (a clock, a floating
// promise); what files say of each other (imports, cycles) is the tidy test's.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOMS } from "./rooms.ts";

const TESTS = ["**/*.test.ts", "**/*.common-case.ts", "test/**"];

/** What reaches outside or differs from run to run. A pure room gets time and chance with the event instead. */
const IMPURE =
  "Date performance setTimeout setInterval setImmediate queueMicrotask crypto " +
  "fetch WebSocket XMLHttpRequest console process globalThis require";
const WHY = "this room is pure: what it needs is passed in";

const RULES: Readonly<Record<string, unknown>> = {
  eqeqeq: "error",
  "no-var": "error",
  "prefer-const": "error",
  "no-empty": "error",
  // On by default, but they cost more than they find here: a copy is made where the original changes meanwhile, plans
  // have a branch called "then", a union that names an empty alternative is documentation, errors are spread to copy
  // their fields, and wire data is made text on purpose.
  "unicorn/no-useless-spread": "off",
  "unicorn/no-thenable": "off",
  "typescript/no-redundant-type-constituents": "off",
  "typescript/no-misused-spread": "off",
  "typescript/no-base-to-string": "off",
  // What is written into a text or sorted here is a name.
  "typescript/restrict-template-expressions": "off",
  "typescript/require-array-sort-compare": "off",
  "no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
  "max-lines": ["error", { max: 500 }],
  "max-lines-per-function": ["error", { max: 70, skipComments: true, skipBlankLines: true }],
  "import/no-default-export": "error",
  "unicorn/prefer-node-protocol": "error",
  "typescript/no-explicit-any": "error",
  "typescript/no-non-null-assertion": "error",
  "typescript/only-throw-error": "error",
  "typescript/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
  "typescript/no-misused-promises": ["error", { checksVoidReturn: false }],
  "typescript/no-floating-promises": [
    "error",
    {
      allowForKnownSafeCalls: [
        { from: "package", package: "node:test", name: ["test", "it", "describe", "suite"] },
      ],
    },
  ],
};

export function lintConfig(): object {
  return {
    $schema: "./node_modules/oxlint/configuration_schema.json",
    plugins: ["typescript", "unicorn", "oxc", "import", "node"],
    categories: { correctness: "error" },
    env: { node: true, es2024: true },
    options: { typeAware: true },
    ignorePatterns: [
      "**/generated/**",
      "**/*.generated.ts",
      "dist/**",
      "**/node_modules/**",
      "bench/peers/**",
    ],
    rules: RULES,
    overrides: [
      ...Object.entries(ROOMS)
        .filter(([, room]) => room.pure === true)
        .map(([name]) => ({
          files: [`src/${name}/**/*.ts`],
          rules: {
            "no-restricted-globals": [
              "error",
              ...IMPURE.split(" ").map((global) => ({ name: global, message: WHY })),
            ],
            "no-restricted-properties": ["error", { object: "Math", property: "random", message: WHY }],
            "no-restricted-imports": ["error", { patterns: [{ regex: "^[^.#]", message: WHY }] }],
          },
        })),
      {
        files: TESTS,
        rules: {
          "no-restricted-globals": "off",
          "no-restricted-properties": "off",
          "no-restricted-imports": "off",
          "max-lines-per-function": "off",
          "no-control-regex": "off",
        },
      },
      { files: ["tools/test-reporter.ts"], rules: { "import/no-default-export": "off" } },
    ],
  };
}

if (import.meta.main) {
  const text = `${JSON.stringify(lintConfig(), null, 2)}\n`;
  writeFileSync(join(import.meta.dirname, "..", ".oxlintrc.json"), text);
}
