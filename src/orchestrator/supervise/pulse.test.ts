// A part that hangs: noticed, told, restarted; one that is only slow, or whose asker slept, is left alone.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { PartStatus } from "#rpc";
import { systemClock, systemRandom } from "../ports.ts";
import { LinkServer } from "./link.ts";
import type { NodePlan, PartPlan } from "./plan.ts";
import { Pulse } from "./pulse.ts";
import { Supervisor } from "./supervisor.ts";

/** A clock that stands until it is told to go; a step is one timer, however late it comes. */
class Steps {
  #now = 0;
  #timer: (() => void) | undefined;

  readonly clock = {
    now: () => this.#now,
    monotonic: () => this.#now,
    after: (_: number, run: () => void) => {
      this.#timer = run;
      return () => (this.#timer = undefined);
    },
  };

  step(ms: number): void {
    this.#now += ms;
    const run = this.#timer;
    this.#timer = undefined;
    run?.();
  }

  get waits(): boolean {
    return this.#timer !== undefined;
  }
}

function pulse(): { steps: Steps; pulse: Pulse; said: string[] } {
  const steps = new Steps();
  const said: string[] = [];
  const made = new Pulse(steps.clock, 100, {
    ask: () => said.push("ask"),
    missed: (count) => said.push(`missed ${count}`),
    back: () => said.push("back"),
    dead: () => said.push("dead"),
  });
  made.start();
  return { steps, pulse: made, said };
}

test("three questions in a row without an answer end it, once", () => {
  const { steps, said } = pulse();
  for (let i = 0; i < 5; i += 1) steps.step(100);
  assert.deepEqual(said, ["ask", "missed 1", "ask", "missed 2", "ask", "dead"]);
  assert.equal(steps.waits, false);
});

test("an answer in between starts the count anew", () => {
  const { steps, pulse: each, said } = pulse();
  steps.step(100);
  steps.step(100);
  each.answered();
  for (let i = 0; i < 3; i += 1) steps.step(100);
  assert.deepEqual(
    said.filter((word) => word !== "ask"),
    ["missed 1", "missed 2", "back", "missed 1", "missed 2"],
  );
});

test("an asker that slept blames nobody", () => {
  const { steps, said } = pulse();
  for (let i = 0; i < 9; i += 1) steps.step(60_000);
  assert.ok(said.every((word) => word === "ask"));
});

const until = async (what: () => boolean, text: string): Promise<void> => {
  const end = Date.now() + 20_000;
  while (!what()) {
    if (Date.now() > end) assert.fail(`did not happen: ${text}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

const link = JSON.stringify(join(import.meta.dirname, "link.ts"));

/** Parts that say hello, as ours do, and one that answers HTTP at a socket, as Envoy does; each hangs on SIGUSR2. */
function partsIn(dir: string): readonly PartPlan[] {
  const supervisor = JSON.stringify(join(dir, "supervisor.sock"));
  const socket = join(dir, "envoy.sock");
  const hello = (name: PartPlan["name"]): PartPlan => ({
    name,
    command: [
      process.execPath,
      "--input-type=module",
      "-e",
      `const { LinkClient } = await import(${link});
       process.stdin.on("end", () => process.exit()).resume();
       process.on("SIGUSR2", () => { for (;;); });
       new LinkClient(${supervisor}, ${JSON.stringify(name)}, () => {}).state(true);`,
    ],
    watchesStdin: true,
    ready: "hello",
    pulseMs: 600,
  });
  const envoy: PartPlan = {
    name: "envoy",
    command: [
      process.execPath,
      "-e",
      `process.stdin.on("end", () => process.exit()).resume();
       require("node:http").createServer((q, s) => s.end("ok")).listen(${JSON.stringify(socket)})`,
    ],
    watchesStdin: true,
    ready: { socket, path: "/ready" },
    unlink: [socket],
    pulseMs: 600,
  };
  return [hello("auth"), hello("gateway"), envoy];
}

async function supervised(t: TestContext): Promise<{ parts: () => readonly PartStatus[]; said: string[] }> {
  const dir = mkdtempSync(join(tmpdir(), "catalyst-pulse-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const said: string[] = [];
  const plan: NodePlan = {
    ...{ node: "n.local.catalyst.internal", dataDir: dir, runDir: dir, run: "r1", drainMs: 0 },
    ...{ logs: "json", logLevel: "info", ingress: "127.0.0.1:0", parts: partsIn(dir) },
  };
  const server: LinkServer = new LinkServer({
    state: (part, pid, ready, reason) => node.heard(part, pid, ready, reason),
    alive: (part, pid) => node.answered(part, pid),
    restart: () => undefined,
  });
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const node: Supervisor = new Supervisor(
    plan,
    { clock: systemClock, random: systemRandom, log },
    {
      changed: () => {},
      line: () => {},
      say: (_, text) => said.push(text),
      ask: (part, pid) => server.ask(part, pid),
    },
  );
  await server.listen(join(dir, "supervisor.sock"));
  t.after(() => {
    node.kill();
    server.close();
  });
  node.start();
  await until(() => node.parts().every(({ state }) => state === "ready"), "all ready");
  return { parts: () => node.parts(), said };
}

test("parts that hang, each in its way, are restarted; the others stay", async (t) => {
  const { parts, said } = await supervised(t);
  const before = parts().map(({ pid = 0 }) => pid);
  const [auth = 0, , envoy = 0] = before;
  process.kill(auth, "SIGUSR2");
  process.kill(envoy, "SIGSTOP");
  const again = (index: number): boolean =>
    parts()[index]?.restarts === 1 && parts()[index]?.state === "ready";
  await until(() => again(0) && again(2), "both are back");
  for (const name of ["auth", "envoy"]) {
    const words = `${name} ended by SIGKILL: has not answered for`;
    assert.ok(
      said.some((text) => text.startsWith(words)),
      said.join("; "),
    );
  }
  assert.equal(parts()[1]?.pid, before[1]);
  assert.equal(parts()[1]?.restarts, 0);
});

test("a part that was stopped for a moment is told as silent, and goes on", async (t) => {
  const { parts } = await supervised(t);
  const { pid = 0 } = parts()[1] ?? {};
  process.kill(pid, "SIGSTOP");
  await until(() => parts()[1]?.state === "degraded", "silent");
  assert.match(parts()[1]?.reason ?? "", /^has not answered for/);
  process.kill(pid, "SIGCONT");
  await until(() => parts()[1]?.state === "ready", "back");
  assert.deepEqual([parts()[1]?.pid, parts()[1]?.reason], [pid, undefined]);
});
