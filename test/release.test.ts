// The release folder, as a user has it: built once, put where a space is in the path and no node_modules is near, started with
// an empty home. The size of the bundle is bounded here, because memory and start of a node follow it.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { build, buildSdk } from "../tools/build.ts";
import { needs } from "./kit/needs.ts";

/** Bytes of JavaScript of the whole program; all of it, lazy parts too. Raise it only with a reason in the commit. */
const SIZE_MAX = 2_600_000;

/** Bytes of GraphiQL, which no thread of the program keeps. */
const PAGE_MAX = 9_200_000;

const root = join(import.meta.dirname, "..");
const scratch = fs.mkdtempSync(join(tmpdir(), "catalyst release "));
const home = join(scratch, "home");
let sizes = { program: 0, page: 0 };

before(async () => {
  fs.mkdirSync(home, { mode: 0o700 });
  sizes = await build(scratch);
  await buildSdk(scratch);
});
after(() => {
  fs.rmSync(scratch, { recursive: true, force: true });
});

const program = join(scratch, "catalyst/catalyst");
const environment = {
  HOME: home,
  PATH: "/usr/local/bin:/usr/bin:/bin",
  CATALYST_NODE: process.execPath,
  XDG_CACHE_HOME: process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"),
};

function catalyst(args: readonly string[], more: Readonly<Record<string, string>> = {}) {
  const env = { ...environment, ...more };
  const done = spawnSync(program, args, { cwd: home, encoding: "utf8", timeout: 120_000, env });
  return { code: done.status, out: done.stdout, error: done.stderr };
}

test("the bundle keeps its size", () => {
  const { program: size, page } = sizes;
  assert.ok(size < SIZE_MAX, `${size} bytes of JavaScript, at most ${SIZE_MAX}`);
  assert.ok(size > 300_000, `${size} bytes: something is missing`);
  assert.ok(page < PAGE_MAX && page > 1_000_000, `${page} bytes of GraphiQL, at most ${PAGE_MAX}`);
});

test("it answers without any node_modules", () => {
  const { version } = JSON.parse(fs.readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  const answered = catalyst(["version"]);
  assert.equal(answered.code, 0, answered.error);
  assert.ok(answered.out.includes(version), answered.out);
});

test("it names no place of the machine that built it", () => {
  const lib = join(scratch, "catalyst/lib");
  const found = fs
    .readdirSync(lib)
    .filter((name) => name.endsWith(".js"))
    .filter((name) => fs.readFileSync(join(lib, name), "utf8").includes(root));
  assert.deepEqual(found, []);
});

test("its notice holds the licence of every library in it", () => {
  const notice = fs.readFileSync(join(scratch, "catalyst/NOTICE"), "utf8");
  for (const name of ["capnweb", "graphql", "undici", "zod", "Envoy"]) {
    assert.match(notice, new RegExp(`(^|\\n| )${name} \\d`), name);
  }
});

test("a Node that is too old, or none, is said in a sentence", () => {
  const none = catalyst(["version"], { CATALYST_NODE: "/nonexistent/node" });
  assert.equal(none.code, 64);
  assert.match(none.error, /no Node\.js.*\n.*24\.21/);
  const start = fs.readFileSync(join(scratch, "catalyst/lib/start.js"), "utf8");
  const old = start.replaceAll("process.versions.node", '"20.20.2"');
  const ran = spawnSync(process.execPath, ["--input-type=module", "-e", old], { encoding: "utf8" });
  assert.equal(ran.status, 64);
  assert.match(ran.stderr, /Node\.js 20\.20\.2 is too old/);
});

test("demo answers from the release folder", needs("envoy"), () => {
  const answered = catalyst(["demo", "--once", "--json"]);
  assert.equal(answered.code, 0, answered.out + answered.error);
  const { ok } = JSON.parse(answered.out) as { ok: boolean };
  assert.equal(ok, true);
});

test("a node of the release folder composes, plans, and gives a browser its page", async () => {
  const child = spawn(program, ["demo"], { cwd: home, env: environment, stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "exit");
  // It stays up: without a limit, a line that does not come would be waited for as long as the demo lives.
  const limit = setTimeout(() => child.kill("SIGTERM"), 60_000);
  try {
    let out = "";
    let graph: string | undefined;
    for await (const chunk of child.stdout) {
      out += String(chunk);
      graph = /^graph +(http:\S+)$/m.exec(out)?.[1];
      if (graph !== undefined) break;
    }
    assert.ok(graph !== undefined, out);
    const page = await fetch(graph, { headers: { accept: "text/html" } });
    assert.equal(page.status, 200);
    assert.match(await page.text(), /YogaGraphiQL/);
  } finally {
    clearTimeout(limit);
    child.kill("SIGINT");
    await ended;
  }
});

test("the SDK is a package of JavaScript and types without a dependency", async () => {
  const folder = join(scratch, "sdk");
  const manifest = JSON.parse(fs.readFileSync(join(folder, "package.json"), "utf8")) as Record<
    string,
    unknown
  >;
  assert.equal(manifest["exports"], "./index.js");
  assert.equal(manifest["dependencies"], undefined);
  assert.ok(fs.existsSync(join(folder, "index.d.ts")));
  assert.doesNotMatch(fs.readFileSync(join(folder, "index.d.ts"), "utf8"), /\.ts"/);
  const sdk: unknown = await import(join(folder, "index.js"));
  assert.ok(
    typeof sdk === "object" && sdk !== null && "register" in sdk && typeof sdk.register === "function",
  );
});
