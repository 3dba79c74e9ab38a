// Kill -9 of random parts, again and again, also while an earlier one is still coming back: at the end nothing may be stuck. The
// figure is the time from the last kill to a node whose health is ok and that answers. The seed is printed, so that a run that
// fails can be run again: --seed N.

import { startServices } from "./recover.ts";
import type { BenchOptions } from "./index.ts";
import { type Cleanup, MeasuredNode, pause, until } from "./measured-node.ts";

const PARTS = ["gateway", "auth", "envoy", "orchestrator"] as const;
const BETWEEN_MS = 600;

export async function kills(t: Cleanup, options: BenchOptions): Promise<void> {
  const count = options.rounds || 30;
  const seed = options.seed || Date.now() & 0xffff;
  process.stdout.write(`  seed ${seed}\n`);
  const random = generator(seed);
  const { config, works } = await startServices(t);
  const node = await MeasuredNode.start(t, config, options.dist);
  const served = works(node, await node.token());
  await until("served", served);
  // The processes by name: asked while the orchestrator lives, kept while it does not.
  let pids = new Map<string, number>();
  for (let i = 1; i <= count; i += 1) {
    const parts = await node.call("status", {}).then(
      (status) => status.parts,
      () => undefined,
    );
    if (parts !== undefined)
      pids = new Map(parts.flatMap(({ name, pid }) => (pid === undefined ? [] : [[name, pid] as const])));
    // Nobody is left to kill until the orchestrator is back and tells the new processes.
    if (parts === undefined && pids.size === 0)
      await until("a part to kill", async () => {
        const { parts: now } = await node.call("status", {}).catch(() => ({ parts: [] }));
        pids = new Map(now.flatMap(({ name, pid }) => (pid === undefined ? [] : [[name, pid] as const])));
        return pids.size > 0;
      });
    const there = PARTS.filter((name) => pids.has(name));
    const part = there[Math.floor(random() * there.length)] ?? "orchestrator";
    const killed = kill(pids.get(part) ?? 0);
    pids.delete(part);
    process.stdout.write(`  ${i} of ${count}: ${part}${killed ? "" : " (not there)"}\n`);
    await pause(random() * BETWEEN_MS);
  }
  const startedAt = performance.now();
  let last = "";
  const timer = setInterval(() => process.stdout.write(`  still waiting: ${last}\n`), 5_000);
  t.after(() => clearInterval(timer));
  await until("every part ready, health ok", async () => {
    const status = await node.call("status", {}).catch((error: unknown) => void (last = String(error)));
    if (status === undefined) return false;
    last = status.parts.map(({ name, state, reason = "" }) => `${name} ${state} ${reason}`.trim()).join(", ");
    // That a part was restarted often is told for a minute; it is true, and no sign of being stuck.
    const wrong = status.problems.filter(({ text }) => !text.includes("was restarted"));
    return wrong.length === 0 && status.parts.every(({ state }) => state === "ready");
  });
  await until("served again", served);
  process.stdout.write(`  whole again ${(performance.now() - startedAt).toFixed(0)} ms after the last\n`);
}

function kill(pid: number): boolean {
  if (pid === 0) return false;
  try {
    process.kill(pid, "SIGKILL");
    return true;
  } catch {
    return false; // an earlier kill took it, and nobody could tell the new one
  }
}

/** mulberry32: small and the same everywhere. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
