// Names, directories and sockets of a node, with real directories.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, statSync, symlinkSync } from "node:fs";
import { lutimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { announceNode, clientPaths, knownNodes, prepareDirectories } from "./directories.ts";
import { labelOf, paths, pathsIn, resolveNode, runDirFor } from "./paths.ts";

const temporary = (t: { after(run: () => void): void }): string => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "catalyst-paths-")));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
};
const modeOf = (path: string): number => statSync(path).mode & 0o777;

test("a host name becomes one DNS label", () => {
  assert.equal(labelOf("Edge-1.example.org"), "edge-1");
  assert.equal(labelOf("my_host"), "my-host");
  assert.equal(labelOf("--"), "node");
  assert.equal(labelOf(""), "node");
  assert.equal(labelOf("a".repeat(80)).length, 63);
  assert.equal(labelOf(`${"a".repeat(62)}-b`), "a".repeat(62), "no hyphen at the end after the cut");
});

test("names and places follow from the configuration", () => {
  const place = { organization: "acme.catalyst.internal", node: "edge1" };
  const found = resolveNode(place, { HOME: "/home/ada" });
  assert.equal(found.node, "edge1.acme.catalyst.internal");
  assert.equal(found.dataDir, "/home/ada/.local/share/catalyst/edge1");
  assert.equal(
    resolveNode(place, { HOME: "/home/ada", XDG_DATA_HOME: "/data" }).dataDir,
    "/data/catalyst/edge1",
  );
  assert.equal(resolveNode({ ...place, dataDir: "~/n" }, { HOME: "/home/ada" }).dataDir, "/home/ada/n");
  const all = paths(place, { HOME: "/home/ada" });
  assert.equal(all.adminSock, "/home/ada/.local/share/catalyst/edge1/run/admin.sock");
  assert.equal(all.stateDb, "/home/ada/.local/share/catalyst/edge1/state.db");
});

test("every socket path fits, however long the data directory is", () => {
  const env = { XDG_RUNTIME_DIR: "/run/user/1000" };
  for (let length = 1; length < 300; length++) {
    for (const each of [env, { XDG_RUNTIME_DIR: `/${"x".repeat(90)}` }, {}]) {
      const all = pathsIn(`/${"d".repeat(length)}`, each);
      for (const [name, path] of Object.entries(all)) {
        if (name.endsWith("Sock")) assert.ok(Buffer.byteLength(path) <= 100, path);
      }
    }
  }
  const long = `/srv/${"d".repeat(90)}`;
  assert.match(runDirFor(`${long}/edge1`, env), /^\/run\/user\/1000\/catalyst\/edge1-[0-9a-f]{8}$/);
  assert.notEqual(
    runDirFor(`${long}/edge1`, env),
    runDirFor(`${long}x/edge1`, env),
    "two nodes never share one",
  );
});

test("directories are private, and a client finds a moved run directory in another environment", (t) => {
  const root = temporary(t);
  const dataDir = join(root, "d".repeat(100), "edge1");
  const xdg = join(root, "x");
  mkdirSync(xdg);
  const made = pathsIn(dataDir, { XDG_RUNTIME_DIR: xdg });
  mkdirSync(dataDir, { recursive: true, mode: 0o755 });
  prepareDirectories(made);
  prepareDirectories(made);
  assert.ok(made.runDir.startsWith(xdg));
  for (const each of [made.dataDir, made.runDir, made.keysDir, made.logDir])
    assert.equal(modeOf(each), 0o700, each);
  assert.equal(clientPaths(dataDir, {}).adminSock, made.adminSock);
  prepareDirectories(pathsIn(dataDir, {}, join(dataDir, "run")));
  assert.equal(clientPaths(dataDir, {}).runDir, join(dataDir, "run"), "the link gives way to a directory");
});

test("a directory that is no directory is refused", (t) => {
  const root = temporary(t);
  writeFileSync(join(root, "file"), "");
  assert.throws(() => prepareDirectories(pathsIn(join(root, "file"))), { code: "ERR_PERMISSION" });
});

test("a nodes folder that cannot be read is not one without nodes", (t) => {
  const root = temporary(t);
  symlinkSync("catalyst", join(root, "catalyst"));
  assert.throws(() => knownNodes({ XDG_DATA_HOME: root }), { code: "ERR_PERMISSION" });
});

test("nodes are found by announcement and in the nodes folder", (t) => {
  const root = temporary(t);
  const env = { XDG_DATA_HOME: root };
  assert.deepEqual(knownNodes(env), []);
  const elsewhere = join(root, "elsewhere");
  const usual = join(root, "catalyst/edge1");
  for (const each of [elsewhere, usual]) {
    prepareDirectories(pathsIn(each, env));
    writeFileSync(pathsIn(each, env).adminSock, "");
  }
  const leave = announceNode(elsewhere, env);
  announceNode(usual, env);
  assert.deepEqual(knownNodes(env), [usual, elsewhere], "each once");
  leave();
  assert.deepEqual(knownNodes(env), [usual]);
  announceNode(elsewhere, env);
  rmSync(elsewhere, { recursive: true });
  const running = join(root, "catalyst/.running");
  announceNode(usual, env);
  assert.equal(readdirSync(running).length, 2, "a node that has no socket yet stays on the list");
  for (const each of readdirSync(running)) lutimesSync(join(running, each), 0, 0);
  announceNode(usual, env);
  assert.equal(readdirSync(running).length, 1, "what is gone is taken off the list");
});
