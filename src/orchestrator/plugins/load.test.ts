// Loading from a path and from packages, and every way it can fail, with the key and the plugin in the
// message.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { NODE } from "../../../test/kit/node-loop.ts";
import { loadPlugins } from "./load.ts";

let baseDir = "";
before(async () => (baseDir = await mkdtemp(join(tmpdir(), "catalyst-plugins-"))));
after(async () => await rm(baseDir, { recursive: true, force: true }));

async function write(file: string, text: string): Promise<void> {
  await mkdir(dirname(join(baseDir, file)), { recursive: true });
  await writeFile(join(baseDir, file), text);
}

const load = async (use: string, settings?: unknown) =>
  await loadPlugins([{ use, ...(settings === undefined ? {} : { with: settings }) }], {
    node: NODE,
    baseDir,
    deadlineMs: 500,
  });
const named = (name: string) => `export const plugin = { name: "${name}", apiVersion: 1 };`;

describe("a plugin is found", () => {
  test("by a path from the configuration's folder, in TypeScript too", async () => {
    await write(
      "plugins/one.ts",
      `const name: string = "one"; export const plugin = { name, apiVersion: 1 as const };`,
    );
    const [plugin] = await load("./plugins/one.ts");
    assert.equal(plugin?.name, "one");
    const [same] = await load(join(baseDir, "plugins/one.ts"));
    assert.equal(same, plugin);
  });

  for (const [what, manifest] of [
    ["with main", { type: "module", main: "index.js" }],
    ["with exports", { type: "module", exports: "./index.js" }],
    ["with exports for import alone", { type: "module", exports: { ".": { import: "./index.js" } } }],
  ] as const) {
    test(`as a package installed there, ${what}`, async () => {
      const name = what.replaceAll(" ", "-");
      await write(`node_modules/${name}/package.json`, JSON.stringify({ name, ...manifest }));
      await write(`node_modules/${name}/index.js`, named(name));
      assert.equal((await load(name))[0]?.name, name);
    });
  }

  test("several keep the order of the configuration", async () => {
    await write("a.js", named("a"));
    await write("b.js", named("b"));
    const plugins = await loadPlugins([{ use: "./b.js" }, { use: "./a.js" }], { node: NODE, baseDir });
    assert.deepEqual(
      plugins.map(({ name }) => name),
      ["b", "a"],
    );
  });
});

const withSchema = `
export const apiVersion = 1;
export const configSchema = { "~standard": { version: 1, vendor: "test", validate: (value) =>
  typeof value.depth === "number" ? { value: { depth: value.depth * 2 } }
    : { issues: [
        { message: "must be a number", path: ["levels", 0, { key: "depth" }] }, { message: "again" } ] } } };
export const create = async (settings, { node }) => ({ name: "made", apiVersion: 1, settings, node });
`;

test("create gets the settings as the schema made them, and the node", async () => {
  await write("schema.js", withSchema);
  const [plugin] = await load("./schema.js", { depth: 4 });
  assert.deepEqual({ ...plugin }, { name: "made", apiVersion: 1, settings: { depth: 8 }, node: NODE });
});

describe("a plugin that cannot be loaded is named with its key", () => {
  const cases: readonly (readonly [what: string, text: string, settings: unknown, message: RegExp])[] = [
    [
      "wrong settings",
      withSchema,
      { secret: "hunter2" },
      /^plugins\[0\]\.with\.levels\[0\]\.depth: plugin ".*": must be a number \(and 1 more\)$/,
    ],
    [
      "settings that it does not take",
      named("a"),
      { x: 1 },
      /^plugins\[0\]\.with: plugin ".*": it takes no settings$/,
    ],
    [
      "another API",
      `export const plugin = { name: "a", apiVersion: 2 };`,
      undefined,
      /made for plugin API 2, this node has 1/,
    ],
    [
      "another API of the module",
      `export const apiVersion = 3; export const create = () => { throw new Error("never") };`,
      undefined,
      /API 3/,
    ],
    ["nothing exported", `export const x = 1;`, undefined, /exports neither "plugin" nor "create"/],
    ["a bad name", named("No Name"), undefined, /its name "No Name"/],
    [
      "what is no function",
      `export const plugin = { name: "a", apiVersion: 1, apply: 7 };`,
      undefined,
      /its "apply" is no function/,
    ],
    [
      "kinds of the node",
      `export const plugin = { name: "a", apiVersion: 1, runners: { graph() {} } };`,
      undefined,
      /kind "graph"; own kinds begin with "x\."/,
    ],
    [
      "a create that throws",
      `export const create = () => { throw new Error("no luck") };`,
      undefined,
      /: no luck$/,
    ],
    [
      "a create that makes nothing",
      `export const create = () => undefined;`,
      undefined,
      /what it made is no plugin/,
    ],
    ["a module that throws", `throw new Error("at the top");`, undefined, /at the top/],
    [
      "a module that never ends",
      `await new Promise(() => {}); export {};`,
      undefined,
      /not loaded after 500 ms/,
    ],
    [
      "a wrong schema",
      `export const configSchema = {}; export const create = () => ({});`,
      undefined,
      /no Standard Schema/,
    ],
  ];
  for (const [index, [what, text, settings, message]] of cases.entries()) {
    test(what, async () => {
      await write(`bad/${index}.js`, text);
      await assert.rejects(load(`./bad/${index}.js`, settings), (error: Error & { code?: string }) => {
        assert.equal(error.code, "ERR_PLUGIN_LOAD");
        assert.match(error.message, message);
        assert.ok(error.message.startsWith("plugins[0]") && error.message.includes(`"./bad/${index}.js"`));
        assert.ok(!error.message.includes("hunter2"));
        return true;
      });
    });
  }

  test("a file or package that is not there", async () => {
    await assert.rejects(load("./gone.js"), {
      code: "ERR_PLUGIN_LOAD",
      message: /^plugins\[0\]: plugin "\.\/gone\.js": Cannot find/,
    });
    await assert.rejects(load("no-such-package"), {
      code: "ERR_PLUGIN_LOAD",
      message: /no package of this name from/,
    });
  });
});
