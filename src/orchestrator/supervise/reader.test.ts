import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { EarlyParts } from "./early.ts";
import type { PartPlan } from "./plan.ts";
import { readPlan } from "./reader.ts";
import { runs } from "./spawn.ts";

/** A reader that does `body`, which may `tell`. */
const reader = (body: string): PartPlan["command"] => [
  process.execPath,
  "-e",
  `const tell = (told) => require("node:fs").writeSync(3, JSON.stringify(told) + "\\n"); ${body}`,
  "--",
];

const files = { bootFile: "/run/boot.json", planFile: "/run/plan.json" };

test("a reader tells first how the node runs, then where its files are", async () => {
  const heard: string[] = [];
  const body = `tell({ processes: process.argv.at(-1) }); tell(${JSON.stringify(files)})`;
  for (const processes of ["split", "one"] as const) {
    const read = await readPlan(reader(body), ["run", processes], (each) => heard.push(each));
    assert.ok(typeof read === "object");
    assert.deepEqual([read.processes, read.bootFile, read.planFile], [processes, ...Object.values(files)]);
    await read.gone;
  }
  assert.deepEqual(heard, ["split", "one"]);
});

test("a reader that finds something wrong gives its exit code, whatever it told before", async () => {
  const ended = (body: string): Promise<unknown> => readPlan(reader(body), ["run"], () => {});
  assert.equal(await ended("process.exit(65)"), 65);
  assert.equal(await ended('tell({ processes: "split" }); process.exit(1)'), 1);
  assert.equal(await ended('process.kill(process.pid, "SIGKILL")'), 137);
});

test("who asks for the end while the configuration is read gets it, from the reader too", () => {
  const program = `
    import { readPlan } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, "reader.ts")).href)};
    const command = ${JSON.stringify(reader('console.log(process.pid); setTimeout(() => {}, 60_000); process.kill(process.ppid, "SIGTERM")'))};
    console.log("ended with", await readPlan(command, ["run"], () => {}));`;
  const { stdout } = spawnSync(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", program],
    { encoding: "utf8", timeout: 20_000 },
  );
  const [, pid = "", code] = /^(\d+)\nended with (\d+)\n$/.exec(stdout) ?? [];
  assert.equal(code, "143", stdout);
  assert.throws(() => process.kill(Number(pid), 0), { code: "ESRCH" });
});

test("parts that nobody takes over are gone when that is said", async () => {
  const early = new EarlyParts([process.execPath, "-e", "process.stdin.resume()", "--"]);
  early.startBesideReader();
  early.startAll();
  const children = [...early.children.values()];
  assert.deepEqual([...early.children.keys()].toSorted(), ["auth", "gateway", "orchestrator"]);
  assert.ok(children.every(runs));
  await early.end();
  assert.ok(children.every((child) => child.signalCode === "SIGKILL"));
});
