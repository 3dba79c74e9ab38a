// The example plugin on a node's own loop, loaded as the configuration would: what it labels, what it writes,
// and what the guide shows of it.

import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { loadPlugins } from "../../src/orchestrator/plugins/load.ts";
import { full, inFile, intent, NODE, nodeLoop } from "../../test/kit/node-loop.ts";

const root = join(import.meta.dirname, "../..");
let folder = "";
before(async () => (folder = await mkdtemp(join(tmpdir(), "catalyst-tags-"))));
after(async () => await rm(folder, { recursive: true, force: true }));

/** The JSON block of the guide that configures it, with the folder of this test. */
async function configured(): Promise<{ use: string; with: { folder: string } }> {
  const guide = await readFile(join(root, "docs/guides/write-a-plugin.md"), "utf8");
  const block = /```jsonc?\n(\{ *"plugins"[\s\S]*?)\n```/.exec(guide)?.[1] ?? "";
  const [use] = (JSON.parse(block) as { plugins: { use: string; with: { folder: string } }[] }).plugins;
  assert.ok(use);
  return { ...use, with: { ...use.with, folder } };
}

test("the plugin of the guide labels services and keeps its files", async () => {
  const plugins = await loadPlugins([await configured()], { node: NODE, baseDir: root });
  const node = nodeLoop({ outside: plugins, effects: true });
  const lists = async () => {
    await node.loop.effects.drain();
    const files = (await readdir(folder)).sort();
    const texts = await Promise.all(files.map(async (file) => await readFile(join(folder, file), "utf8")));
    return Object.fromEntries(files.map((file, i) => [file, texts[i]]));
  };
  node.step({ kind: "config.services", services: [intent("shop-cart", { owner: inFile(1) })] });
  node.step({ kind: "service.add", intent: intent("shop-search", { labels: { tier: "1" } }) });
  node.step({ kind: "lease.register", lease: "l", notAfter: 9e9, intent: intent("pay-card") });
  node.step({ kind: "service.add", intent: intent("other") });
  assert.deepEqual(node.service("shop-search")?.labels, { tier: "1", team: "shop" });
  assert.equal(node.service("other")?.labels, undefined);
  node.up("shop-cart");
  assert.deepEqual(await lists(), {
    "payments.txt": `${full("pay-card")} unknown\n`,
    "shop.txt": `${full("shop-cart")} up\n${full("shop-search")} unknown\n`,
  });
  node.step({ kind: "lease.end", lease: "l" });
  assert.deepEqual(Object.keys(await lists()), ["shop.txt"]);
  assert.deepEqual(
    node.loop.status().plugins.filter(({ state }) => state !== "ok"),
    [],
  );
  assert.equal(node.loop.status().plugins.at(-1)?.builtIn, false);
  await node.loop.stop();
});

test("the guide's shortest plugin refuses what it says it refuses", async () => {
  const guide = await readFile(join(root, "docs/guides/write-a-plugin.md"), "utf8");
  const code = /```ts\n([\s\S]*?)\n```/.exec(guide)?.[1];
  assert.ok(code);
  const module = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as { plugin: never };
  const node = nodeLoop({ outside: [module.plugin] });
  const refused = node.refusal({ kind: "service.add", intent: intent("a") });
  assert.equal(refused?.code, "ERR_DENIED");
  assert.equal(node.service("a"), undefined);
  node.step({ kind: "service.add", intent: intent("a", { labels: { owner: "ann" } }) });
  assert.equal(node.service("a")?.name, full("a"));
});
