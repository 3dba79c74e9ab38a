// How a node comes to be: one process reads the configuration, another one waits for it and stays, parts are there before both know.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { findProgram } from "../../src/orchestrator/supervise/guard.ts";
import { FLAGS, lives, MAIN, pause, processesOf, startProgram } from "../kit/node.ts";
import { temporaryFolder, until } from "../kit/node.ts";

const configOf = (folder: string, more: object = {}): string =>
  JSON.stringify({
    node: "n",
    dataDir: join(folder, "node"),
    ingress: { listen: "127.0.0.1:0" },
    envoy: { disabled: true },
    ...more,
  });

/** Reading it takes as long as somebody wants. */
function pipeFile(folder: string): string {
  const file = join(folder, "catalyst.json");
  assert.equal(spawnSync("mkfifo", [file]).status, 0);
  return file;
}

/** Dead and not yet buried by who started them. */
const zombiesOf = (parent: number): readonly string[] =>
  readdirSync("/proc").filter((name) => {
    const file = `/proc/${name}/stat`;
    if (!/^\d+$/.test(name) || !existsSync(file)) return false;
    const [state, ppid] = readFileSync(file, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return state === "Z" && Number(ppid) === parent;
  });

for (const [signal, code] of [
  ["SIGTERM", 143],
  ["SIGINT", 130],
  ["SIGKILL", -1],
] as const)
  test(`a node that gets ${signal} while its configuration is read leaves nothing`, async (t) => {
    if (signal === "SIGKILL" && findProgram("setpriv", process.env["PATH"] ?? "") === undefined)
      return t.skip("a reader that waits for a pipe ends with its supervisor by setpriv only");
    const folder = temporaryFolder(t);
    const node = startProgram(t, ["run", pipeFile(folder)], folder);
    await until("it is read", () => processesOf(folder).length >= 2);
    const all = processesOf(folder);
    process.kill(node.pid, signal);
    assert.equal(await node.ended, code);
    await until("all gone", () => all.every((pid) => !lives(pid)) && processesOf(folder).length === 0);
    assert.equal(node.output(), "");
    assert.ok(!existsSync(join(folder, "node")));
  });

// Asked for in words, one process is one from its first moment.
for (const { processes, flags, early } of [
  { processes: "split", flags: [], early: 2 },
  { processes: "one", flags: [], early: 2 },
  { processes: "one", flags: ["--processes", "one"], early: 1 },
])
  test(`${[processes, ...flags].join(" ")}, by a configuration that comes late: the same process, nothing else left`, async (t) => {
    const folder = temporaryFolder(t);
    const file = pipeFile(folder);
    const node = startProgram(t, ["run", file, ...flags], folder);
    await until("it is read", () => processesOf(folder).length >= early);
    if (early === 1) {
      await pause(500);
      assert.deepEqual(processesOf(folder), [node.pid]);
    }
    await writeFile(file, configOf(folder, { processes }));
    await until("it serves", () => node.output().includes(" serves at "));
    assert.equal(processesOf(folder).length, processes === "one" ? 1 : 4);
    assert.deepEqual(zombiesOf(node.pid), []);
    process.kill(node.pid, "SIGTERM");
    assert.equal(await node.ended, 0);
    assert.deepEqual(processesOf(folder), []);
  });

test("what is wrong with a configuration is said once, and no part remains", async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, "catalyst.json");
  writeFileSync(file, configOf(folder, { proceses: "one" }));
  const node = startProgram(t, ["run", file], folder);
  assert.equal(await node.ended, 65);
  assert.equal(node.output().match(/ERR_CONFIG_INVALID/g)?.length, 1, node.output());
  assert.match(node.output(), /proceses: is not a known key; did you mean processes/);
  assert.deepEqual(processesOf(folder), []);
});

test("a flag before the verb makes no other node of it", async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, "catalyst.json");
  writeFileSync(file, configOf(folder));
  const node = startProgram(t, ["--no-color", "run", file], folder);
  await until("it serves", () => node.output().includes(" serves at "));
  assert.equal(processesOf(folder).length, 4);
});

test("asked for as one in the environment, and as split in words, it is split", async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, "catalyst.json");
  writeFileSync(file, configOf(folder));
  const node = startProgram(t, ["run", file, "--processes", "split"], folder, { CATALYST_PROCESSES: "one" });
  await until("it serves", () => node.output().includes(" serves at "));
  assert.equal(processesOf(folder).length, 4);
});

test("of two that start at once on a data directory one runs, the other says so", async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, "catalyst.json");
  writeFileSync(file, configOf(folder));
  const both = [1, 2].map(() => startProgram(t, ["run", file], folder));
  await until("one serves", () => both.some((node) => node.output().includes(" serves at ")));
  const [runs, other] = both[0]?.output().includes(" serves at ") ? both : both.toReversed();
  assert.equal(await other?.ended, 1);
  assert.match(other?.output() ?? "", /^error: a node already runs on .* \[ERR_NODE_RUNNING\]\n(.*\n){2}$/);
  assert.ok(!runs?.output().includes("ERR_"), runs?.output());
});

test("a part that is never told what it is for ends without a word", async (t) => {
  for (const role of ["auth", "gateway", "orchestrator"]) {
    const folder = temporaryFolder(t);
    const child = spawn(process.execPath, [...FLAGS, MAIN, "run", "--role", role], {
      cwd: folder,
      env: { ...process.env, _CATALYST_PART: "1", XDG_DATA_HOME: folder, HOME: folder },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let text = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
    child.stdin.end();
    assert.equal(await new Promise((resolve) => child.once("close", resolve)), 0, text);
    assert.equal(text, "");
  }
});
