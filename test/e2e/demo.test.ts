import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { needs } from "../kit/needs.ts";
import { catalyst, lives, processesOf, temporaryFolder, until } from "../kit/node.ts";

const MAIN = new URL("../../src/cli/main.ts", import.meta.url).pathname;

test("demo --once --json peers two organizations and leaves nothing", needs("envoy"), async (t) => {
  const folder = temporaryFolder(t);
  const env = { _CATALYST_DEMO_PORT: "0", TMPDIR: folder, XDG_DATA_HOME: folder, E2E_FOLDER: folder };
  const { code, out, err } = await catalyst(["demo", "--once", "--json"], { env });
  assert.equal(code, 0, err);
  const answer = JSON.parse(out) as {
    ok: boolean;
    steps: { name: string; ok: boolean; ms: number }[];
    answer: unknown;
  };
  assert.equal(answer.ok, true);
  assert.ok(answer.steps.length >= 5 && answer.steps.every((step) => step.ok && step.ms >= 0));
  assert.match(JSON.stringify(answer.answer), /Copper kettle.*Sings a fifth/);
  const steps = answer.steps.map(({ name }) => name).join("\n");
  assert.match(steps, /over both, through two Envoys\nGlobex withdraws Reviews[^]*Globex exports it again/);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith("catalyst-demo")),
    [],
  );
  assert.deepEqual(processesOf(folder), []);
});

test("demo --nodes 3: a query passes through the node in the middle", needs("envoy"), async (t) => {
  const folder = temporaryFolder(t);
  const env = { _CATALYST_DEMO_PORT: "0", TMPDIR: folder, XDG_DATA_HOME: folder, E2E_FOLDER: folder };
  const { code, out, err } = await catalyst(["demo", "--once", "--nodes", "3"], { env });
  assert.equal(code, 0, `${out}\n${err}`);
  assert.match(out, /ok {2}one query at n1 over both services +\d+ ms {2}n1 > n2 > n3/);
  assert.match(out, /ok {2}it goes, no node knows it any more/);
  assert.deepEqual(processesOf(folder), []);
});

test("demo --nodes 1 shows one node", needs("envoy"), async (t) => {
  const folder = temporaryFolder(t);
  const env = { _CATALYST_DEMO_PORT: "0", TMPDIR: folder, XDG_DATA_HOME: folder, E2E_FOLDER: folder };
  const { code, out, err } = await catalyst(["demo", "--once", "--json", "--nodes", "1"], { env });
  assert.equal(code, 0, err);
  assert.match(out, /through Envoy/);
});

test("a network without Envoy is refused with the reason", async () => {
  const env = { CATALYST_ENVOY_PATH: "/nonexistent" };
  const { code, out } = await catalyst(["demo", "--once", "--json", "--nodes", "3"], { env });
  assert.equal(code, 1);
  const { ok, steps } = JSON.parse(out) as { ok: boolean; steps: { reason?: string }[] };
  assert.equal(ok, false);
  assert.match(steps[0]?.reason ?? "", /nodes meet in their Envoys, and no Envoy/);
});

test("a demo that cannot work says why and exits 1", needs("envoy"), async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, "no-folder");
  writeFileSync(file, "");
  const env = { _CATALYST_DEMO_PORT: "0", TMPDIR: file, E2E_FOLDER: folder };
  const { code, out } = await catalyst(["demo", "--once", "--json"], { env });
  assert.equal(code, 1);
  const answer = JSON.parse(out) as { ok: boolean; steps: { ok: boolean; reason?: string }[] };
  assert.equal(answer.ok, false);
  assert.match(answer.steps.at(-1)?.reason ?? "", /ENOTDIR.*no-folder/);
  assert.deepEqual(processesOf(folder), []);
});

for (const signal of ["SIGINT", "SIGKILL"] as const)
  test(`a demo that gets ${signal} takes everything along`, needs("envoy"), async (t) => {
    const folder = temporaryFolder(t);
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", MAIN, "demo"], {
      env: {
        ...process.env,
        _CATALYST_DEMO_PORT: "0",
        TMPDIR: folder,
        XDG_DATA_HOME: folder,
        E2E_FOLDER: folder,
      },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    t.after(() => child.kill("SIGKILL"));
    let out = "";
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (out += chunk.toString()));
    await until("it is up", () => {
      assert.equal(child.exitCode, null, out);
      return out.includes("until Ctrl-C");
    });
    const all = processesOf(folder);
    assert.ok(all.length >= 7, `${all.length} processes`);
    // As a terminal does: to the whole foreground group.
    process.kill(-(child.pid ?? 0), signal);
    await until("all gone", () => all.every((pid) => !lives(pid)));
    if (signal === "SIGINT")
      assert.deepEqual(
        readdirSync(folder).filter((name) => name.startsWith("catalyst-demo")),
        [],
      );
  });
