// The scanner of imports: every form that the language has, and the things that only look like one.

import assert from "node:assert/strict";
import { test } from "node:test";
import { scan } from "./imports.ts";

function found(source: string): string[] {
  return scan(source).imports.map(({ kind, specifier, line }) => `${line} ${kind} ${specifier}`);
}

test("every form of import is found with its kind and line", () => {
  const source = [
    `import a from "a";`,
    `import { b, type B } from 'b';`,
    `import type { C } from "c";`,
    `import type D from "d";`,
    `import * as e from "e";`,
    `import "f";`,
    `export * from "g";`,
    `export type * from "h";`,
    `export { i } from "i";`,
    `const j = await import("j");`,
    `type K = import("k").Kind; type L = typeof import("l");`,
    `const m = new URL("./m.ts", import.meta.url);`,
    `import {`,
    `  n,`,
    `} from "n";`,
    `import type from "o";`,
  ].join("\n");
  assert.deepEqual(found(source), [
    "1 static a",
    "2 static b",
    "3 types c",
    "4 types d",
    "5 static e",
    "6 static f",
    "7 static g",
    "8 types h",
    "9 static i",
    "10 dynamic j",
    "11 types k",
    "11 types l",
    "12 file ./m.ts",
    "13 static n",
    "16 static o",
  ]);
});

test("comments, texts, templates and regular expressions are not imports", () => {
  const source = [
    `// import "a";`,
    `/* import b from "b"; */`,
    `const c = 'import "c";';`,
    'const d = `import "d"; ${`import "e";`} import "f";`;',
    String.raw`const g = /["'\/]import "g"/.test(x) ? 1 / 2 : 'import "h"';`,
    'const i = `${ { j: "}" }.j }`; const k = await import(`./${k}.ts`);',
    `important("l"); x.import("m"); const n = a / b; /* " */ import "real";`,
    `return /"/.test(y);`,
    `import "last";`,
  ].join("\n");
  assert.deepEqual(found(source), ["7 static real", "9 static last"]);
});

test("comments are kept apart from code, at their places", () => {
  const { code, comments } = scan(`a; // TODO "x"\nconst s = "// no";`);
  assert.equal(comments, `   // TODO "x"\n                  `);
  assert.equal(code, `a;            \nconst s = "_____";`);
});
