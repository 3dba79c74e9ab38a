import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { catalyst, temporaryFolder, TestNode } from "../kit/node.ts";

const TAGS = new URL("../../examples/plugins/tags.ts", import.meta.url).pathname;

const FAULTY = `export const plugin = {
  name: "faulty", apiVersion: 1, handles: ["service.add"],
  apply() { throw new Error("I always throw") },
};`;

test("plugins from outside: one works, one throws and is shown, and the record replays with both", async (t) => {
  const folder = temporaryFolder(t);
  const tags = join(folder, "tags");
  mkdirSync(tags);
  writeFileSync(join(folder, "faulty.ts"), FAULTY);
  const record = join(folder, "events.rec");
  const settings = { folder: tags };
  const node = await TestNode.start(t, {
    folder,
    args: ["--record", record],
    config: {
      envoy: { disabled: true },
      plugins: [{ use: TAGS, with: settings }, { use: "./faulty.ts" }],
    },
  });
  for (let i = 0; i < 6; i += 1)
    await node.call("service.add", {
      name: `shop-${i}`,
      protocol: "http",
      endpoints: ["http://127.0.0.1:9"],
    });
  const { plugins, health, problems } = await node.call("status", {});
  const faulty = plugins.find(({ name }) => name === "faulty");
  assert.equal(faulty?.state, "disabled");
  assert.equal(faulty?.failures, 5);
  assert.match(faulty?.lastError ?? "", /I always throw/);
  assert.equal(plugins.find(({ name }) => name === "tags")?.state, "ok");
  assert.equal(health, "degraded");
  assert.ok(problems.some(({ code }) => code === "ERR_PLUGIN_FAILED"));
  assert.equal((await node.call("service.list", {})).length, 6, "the rest of each event was done");
  assert.equal((await node.signal("SIGTERM")).code, 0);
  const replayed = await catalyst(["replay", record, "--json"], { cwd: folder });
  assert.equal(replayed.code, 0, replayed.err);
});

test("a plugin that cannot be loaded is an error of the start, with its key", async (t) => {
  const folder = temporaryFolder(t);
  const plugins = [{ use: "./nothing.ts" }];
  await assert.rejects(
    TestNode.start(t, { folder, config: { envoy: { disabled: true }, plugins } }),
    /plugins\[0\].*nothing\.ts.*ERR_PLUGIN_LOAD/s,
  );
});

test("plugins that do not fit together are an error of the start too", async (t) => {
  const folder = temporaryFolder(t);
  const twin = 'export const plugin = { name: "twin", apiVersion: 1, handles: ["service.add"], apply() {} };';
  for (const name of ["a", "b"]) writeFileSync(join(folder, `${name}.ts`), twin);
  const plugins = [{ use: "./a.ts" }, { use: "./b.ts" }];
  await assert.rejects(
    TestNode.start(t, { folder, config: { envoy: { disabled: true }, plugins } }),
    /two plugins have the name "twin".*ERR_PLUGIN_LOAD/s,
  );
});

test("a part that never starts ends the node, with the part's last words", async (t) => {
  const folder = temporaryFolder(t);
  // Loads where the configuration is checked, throws where the node runs.
  const file = `if (process.argv.includes("--role")) throw new Error("only here");
    export const plugin = { name: "late", apiVersion: 1, handles: [], apply() {} };`;
  writeFileSync(join(folder, "late.ts"), file);
  const config = { envoy: { disabled: true }, plugins: [{ use: "./late.ts" }] };
  await assert.rejects(
    TestNode.start(t, { folder, config }),
    /error: the part orchestrator does not start: ended with 70: .*only here.*ERR_PART_DOWN/s,
  );
});
