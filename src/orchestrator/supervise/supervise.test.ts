import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { PartStatus } from "#rpc";
import { systemClock, systemRandom } from "../ports.ts";
import { Backoff } from "./backoff.ts";
import { findProgram, guarded } from "./guard.ts";
import { LINE_BYTES_MAX, LineSplitter, renderJson, renderText } from "./lines.ts";
import { LinkClient, LinkServer } from "./link.ts";
import { takeLock } from "./lock.ts";
import type { NodePlan, PartPlan } from "./plan.ts";
import { runs, spawnPart } from "./spawn.ts";
import { Supervisor } from "./supervisor.ts";
import { unixRequest } from "./unix-http.ts";

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const ports = { clock: systemClock, random: systemRandom, log: silent };

const until = async (what: () => boolean, text: string): Promise<void> => {
  const end = Date.now() + 10_000;
  while (!what()) {
    if (Date.now() > end) assert.fail(`did not happen: ${text}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

/** Alive and not a zombie: a dead child that nobody reaped still answers signal 0. */
const lives = (pid: number): boolean => {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
};

const folder = (t: { after(run: () => void): void }): string => {
  const dir = mkdtempSync(join(tmpdir(), "catalyst-sup-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
};

// A part that is ready when it has a listening unix socket that answers HTTP 200.
const serving = (socket: string): PartPlan["command"] => [
  process.execPath,
  "-e",
  `process.stdin.on("end", () => process.exit()).resume();
   require("node:http").createServer((q, s) => s.end("ok")).listen(${JSON.stringify(socket)})`,
];

const planOf = (dir: string, parts: readonly PartPlan[]): NodePlan => ({
  node: "n.local.catalyst.internal",
  dataDir: dir,
  runDir: dir,
  run: "r1",
  drainMs: 0,
  logs: "json",
  logLevel: "info",
  ingress: "127.0.0.1:0",
  parts,
});

const watch = (plan: NodePlan): { node: Supervisor; parts: () => readonly PartStatus[]; said: string[] } => {
  const said: string[] = [];
  const node = new Supervisor(plan, ports, {
    changed: () => {},
    line: () => {},
    say: (_level, text) => said.push(text),
  });
  return { node, parts: () => node.parts(), said };
};

test("backoff doubles to its cap and starts over after a long life", () => {
  const backoff = new Backoff({ next: () => 1 });
  assert.deepEqual(
    Array.from({ length: 9 }, () => backoff.next(0)),
    [200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000],
  );
  assert.equal(backoff.next(10_000), 200);
  assert.equal(new Backoff({ next: () => 0 }).next(0), 150);
});

test("a killed part comes back, and is counted", async (t) => {
  const dir = folder(t);
  const socket = join(dir, "a.sock");
  const { node, parts } = watch(
    planOf(dir, [
      {
        name: "auth",
        command: serving(socket),
        watchesStdin: true,
        ready: { socket, path: "/" },
        unlink: [socket],
      },
    ]),
  );
  t.after(() => node.kill());
  node.start();
  await until(() => parts()[0]?.state === "ready", "ready");
  const first = parts()[0]?.pid ?? 0;
  process.kill(first, "SIGKILL");
  await until(() => parts()[0]?.restarts === 1 && parts()[0]?.state === "ready", "ready again");
  assert.notEqual(parts()[0]?.pid, first);
  const second = parts()[0]?.pid ?? 0;
  await node.stop();
  assert.equal(parts()[0]?.state, "stopped");
  assert.equal(lives(second), false);
});

test("a part that cannot start shows why, and Envoy is left out after three tries", async (t) => {
  const dir = folder(t);
  const { node, parts, said } = watch(
    planOf(dir, [
      {
        name: "envoy",
        command: ["/bin/sh", "-c", "echo no such syscall >&2; exit 3"],
        watchesStdin: true,
        ready: { socket: join(dir, "none.sock"), path: "/ready" },
        giveUpAfter: 3,
      },
    ]),
  );
  t.after(() => node.kill());
  node.start();
  await until(() => parts()[0]?.state === "absent", "absent");
  assert.equal(parts()[0]?.reason, "ended with 3: no such syscall");
  assert.ok(said.some((text) => text.startsWith("Envoy cannot start here")));
});

test("a process that waits for its part is taken over and told of its boot file; a dead one is not", async (t) => {
  const dir = folder(t);
  const socketOf = (name: string): string => join(dir, `${name}.sock`);
  const part = (name: PartPlan["name"]): PartPlan => ({
    name,
    command: [
      process.execPath,
      "-e",
      `process.stdin.once("data", (told) => require("node:http").createServer((q, s) => s.end(told)).listen(${JSON.stringify(socketOf(name))}))
         .on("end", () => process.exit())`,
    ],
    boot: join(dir, `${name}.json`),
    watchesStdin: true,
    ready: { socket: socketOf(name), path: "/" },
  });
  const plan = planOf(dir, [part("auth"), part("gateway"), part("orchestrator")]);
  const [waits, dead] = plan.parts.slice(0, 2).map((each) => spawnPart(each, {}, undefined));
  assert.ok(waits !== undefined && dead !== undefined);
  dead.kill("SIGKILL");
  await until(() => !runs(dead), "it is dead");
  const { node, parts } = watch(plan);
  t.after(() => node.kill());
  node.start(
    new Map([
      ["auth", waits],
      ["gateway", dead],
    ]),
  );
  await until(() => parts().every(({ state }) => state === "ready"), "ready");
  assert.equal(parts()[0]?.pid, waits.pid);
  assert.ok(parts().every(({ restarts }) => restarts === 0));
  for (const { name } of parts()) {
    const { body } = await unixRequest(socketOf(name), "GET", "/", 1_000);
    assert.equal(body, `${join(dir, name)}.json\n`);
  }
});

test("a part of ours that never starts is told once, with its last words; a killed one goes on", async (t) => {
  const dir = folder(t);
  const failed: string[] = [];
  const own = (name: PartPlan["name"], script: string): PartPlan => ({
    name,
    command: ["/bin/sh", "-c", script],
    watchesStdin: true,
    ready: { socket: join(dir, "none.sock"), path: "/ready" },
    giveUpAfter: 2,
  });
  const words = JSON.stringify({
    level: "error",
    text: "a defect",
    error: "Error: no key\n    at x",
    hint: "make one",
  });
  const node = new Supervisor(
    planOf(dir, [own("auth", `printf '%s\\n' '${words}'; exit 70`), own("gateway", "kill -9 $$")]),
    ports,
    { changed: () => {}, line: () => {}, say: () => {}, failed: (...said) => failed.push(said.join(": ")) },
  );
  t.after(() => node.kill());
  node.start();
  await until(() => node.parts()[1]?.restarts === 3 && failed.length > 0, "ended again and again");
  assert.deepEqual(failed, ["auth: ended with 70: Error: no key (make one)"]);
  assert.equal(node.parts()[0]?.state, "stopped");
});

test("a part waits for those it needs", async (t) => {
  const dir = folder(t);
  const [a, b] = [join(dir, "a.sock"), join(dir, "b.sock")];
  const order: string[] = [];
  const part = (name: PartPlan["name"], socket: string): PartPlan => ({
    name,
    command: serving(socket),
    watchesStdin: true,
    ready: { socket, path: "/" },
  });
  const node = new Supervisor(
    planOf(dir, [{ ...part("gateway", b), after: ["auth"] }, part("auth", a)]),
    ports,
    {
      changed: (parts) => order.push(parts.map((each) => each.state).join(",")),
      line: () => {},
      say: () => {},
    },
  );
  t.after(() => node.kill());
  node.start();
  await until(() => order.at(-1) === "ready,ready", "both ready");
  assert.ok(!order.includes("starting,starting"), order.join(" "));
});

for (const setpriv of [findProgram("setpriv", process.env["PATH"] ?? ""), undefined])
  test(`what ignores its stdin ends with its parent (${setpriv ?? "watching shell"})`, async (t) => {
    const dir = folder(t);
    const pidFile = join(dir, "pid");
    const [program, ...args] = guarded(["/bin/sh", "-c", `echo $$ >${pidFile}; exec sleep 60`], setpriv);
    // The parent is a process of its own, so that it can be killed the hard way.
    const parent = spawn(
      process.execPath,
      [
        "-e",
        `require("node:child_process").spawn(${JSON.stringify(program)}, ${JSON.stringify(args)},
          {stdio: [${setpriv === undefined ? '"pipe"' : '"ignore"'}, "ignore", "ignore"], detached: true});
         setInterval(() => {}, 1000)`,
      ],
      { stdio: "ignore" },
    );
    t.after(() => parent.kill("SIGKILL"));
    const pid = (): number => {
      try {
        return Number(readFileSync(pidFile, "utf8"));
      } catch {
        return 0;
      }
    };
    await until(() => pid() > 0, "started");
    assert.equal(lives(pid()), true);
    parent.kill("SIGKILL");
    await until(() => !lives(pid()), "ended with its parent");
  });

test("one node per data directory; a dead holder is no holder", async (t) => {
  const dir = folder(t);
  const lock = await takeLock(dir);
  const file = join(dir, "try.ts");
  writeFileSync(
    file,
    `const { takeLock } = await import(${JSON.stringify(join(import.meta.dirname, "lock.ts"))});
     try { await takeLock(${JSON.stringify(dir)}); console.log("taken"); process.kill(process.pid, "SIGKILL") }
     catch (error) { console.log(error.code) }`,
  );
  const other = async (): Promise<string> => {
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", file]);
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
    await new Promise((resolve) => child.once("close", resolve));
    return text.trim();
  };
  assert.equal(await other(), "ERR_NODE_RUNNING");
  lock.release();
  assert.equal(await other(), "taken");
  (await takeLock(dir)).release();
});

test("what keeps the lock from being taken is told as what it is", async (t) => {
  const dir = folder(t);
  const code = async (place: string): Promise<unknown> => {
    const error: unknown = await takeLock(place).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    return error instanceof Error && "code" in error ? error.code : error;
  };
  writeFileSync(join(dir, "file"), "");
  assert.equal(await code(join(dir, "file")), "ERR_STATE_UNWRITABLE");
  mkdirSync(join(dir, "folder", "lock"), { recursive: true });
  assert.equal(await code(join(dir, "folder")), "ERR_PERMISSION");
  mkdirSync(join(dir, "text"));
  writeFileSync(join(dir, "text", "lock"), "no database at all ".repeat(100));
  assert.equal(await code(join(dir, "text")), "ERR_STATE_CORRUPT");
});

test("the link carries states one way and the whole picture the other", async (t) => {
  const dir = folder(t);
  const path = join(dir, "supervisor.sock");
  const heard: unknown[] = [];
  const server = new LinkServer({
    state: (...words) => heard.push(words),
    alive: (...words) => heard.push(["alive", ...words]),
    restart: (part) => heard.push(part),
  });
  await server.listen(path);
  t.after(() => server.close());
  const pictures: (readonly PartStatus[])[] = [];
  const client = new LinkClient(path, "orchestrator", (parts) => pictures.push(parts));
  client.state(false, "waiting");
  client.state(true);
  client.restart("envoy");
  await until(() => heard.length === 3, "all heard");
  assert.deepEqual(heard, [
    ["orchestrator", process.pid, false, "waiting"],
    ["orchestrator", process.pid, true, undefined],
    "envoy",
  ]);
  server.ask("orchestrator", process.pid);
  server.ask("orchestrator", process.pid + 1);
  server.ask("auth", process.pid);
  server.tell([{ name: "auth", state: "ready", restarts: 0 }]);
  await until(() => heard.length === 4, "the one question that was meant is answered");
  assert.deepEqual(heard.at(-1), ["alive", "orchestrator", process.pid]);
  await until(() => pictures.at(-1)?.[0]?.state === "ready", "picture");
  client.close();
});

test("log lines get the name of their part and stay JSON", () => {
  assert.equal(
    renderJson("auth", '{"level":"info","text":"x"}'),
    '{"part":"auth","level":"info","text":"x"}',
  );
  const envoy = JSON.parse(renderJson("envoy", "[2026-01-01 10:00:00.123][7][warning][config] no route")) as {
    level: string;
    text: string;
    part: string;
  };
  assert.deepEqual([envoy.level, envoy.text, envoy.part], ["warn", "[config] no route", "envoy"]);
  assert.match(
    renderText("auth", '{"level":"info","time":"2026-01-01T00:00:00.000Z","text":"signed","kid":"a"}'),
    /^00:00:00\.000 info {2}auth {9}signed kid=a$/,
  );
});

test("a part that never ends its line cannot fill the memory", () => {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  for (let i = 0; i < 100; i += 1) splitter.push("x".repeat(10_000));
  splitter.push("tail\nnext\n");
  assert.equal(lines.length, 2);
  assert.equal(lines[0]?.length, LINE_BYTES_MAX + 1);
  assert.equal(lines[1], "next");
});
