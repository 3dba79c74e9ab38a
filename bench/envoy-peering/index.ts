// One route changed while Envoy holds many imported services: from the want to the first request that another node serves;
// a service that comes and one that goes; what a change costs this process in CPU, and what a service costs Envoy in
// memory. Three real Envoys, one worker each, on this machine: a node that imports, and two that offer the same services.
//   npm run bench -- envoy-peering [services…] [--rounds N]

import { readFileSync } from "node:fs";
import { Agent } from "node:http";
import {
  exportOf,
  flushed,
  importOf,
  meet,
  organization,
  startPeerNode,
} from "../../src/envoy/peering.common-case.ts";
import type { PeerNode } from "../../src/envoy/peering.common-case.ts";
import { ask, echo, serve } from "../../src/envoy/testing.ts";
import type { Scope } from "../../src/envoy/testing.ts";

const WARM_CHANGES = 1_000;

export const about = "one route changed while Envoy holds 10,000 imported services";

export async function run(args: readonly string[]): Promise<void> {
  const at = args.indexOf("--rounds");
  const rounds = at >= 0 ? Number(args[at + 1]) : 200;
  const sizes = args.filter((arg, i) => /^\d+$/.test(arg) && i !== at + 1).map(Number);
  console.log("services  what                            p50 ms   p99 ms   max ms");
  for (const size of sizes.length > 0 ? sizes : [1_000, 10_000]) await measure(size, rounds);
}

async function measure(size: number, rounds: number): Promise<void> {
  const undo: (() => Promise<void> | void)[] = [];
  const scope: Scope = { after: (step) => void undo.unshift(step) };
  try {
    const globexCa = await organization(scope, "globex.catalyst.internal");
    const acme = await startPeerNode(scope, await organization(scope, "acme.catalyst.internal"));
    const offers = [
      await startPeerNode(scope, globexCa, "edge1"),
      await startPeerNode(scope, globexCa, "edge2"),
    ] as const;
    await meet(acme, ...offers);
    const name = (i: number): string => `s${i}.globex.catalyst.internal`;
    for (const node of offers) {
      const endpoint = await serve(scope, echo(node.name));
      for (const i of [0, 1]) node.configurator.setExport(name(i), exportOf(name(i), endpoint, [acme]));
      await flushed(node);
    }
    const before = residentKib(acme);
    for (let i = 0; i < size; i++)
      acme.configurator.setImport(name(i), importOf(name(i), i % 2 === 0 ? offers[0] : offers[1]));
    const started = performance.now();
    await flushed(acme);
    row(size, "all of them, acknowledged", [performance.now() - started]);
    await changes(scope, acme, offers, name, rounds, size);
    const kib = (residentKib(acme) - before) / size;
    console.log(`${String(size).padEnd(10)}Envoy, a service              ${kib.toFixed(1).padStart(8)} KiB`);
  } finally {
    for (const step of undo) await step();
  }
}

async function changes(
  scope: Scope,
  acme: PeerNode,
  offers: readonly [PeerNode, PeerNode],
  name: (i: number) => string,
  rounds: number,
  size: number,
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  scope.after(() => agent.destroy());
  const until = async (wanted: string | number): Promise<void> => {
    for (;;) {
      const { status, text } = await ask(acme.egressPort, { headers: { host: name(0) }, agent });
      if (status === wanted || (status === 200 && text.includes(`"name":"${wanted}"`))) return;
    }
  };
  await until(offers[0].name);
  const timed = async (change: () => void, wanted: string | number): Promise<number> => {
    const from = performance.now();
    change();
    const served = until(wanted).then(() => performance.now() - from);
    await flushed(acme);
    return served;
  };
  const [moved, gone, came]: [number[], number[], number[]] = [[], [], []];
  const set = (node: PeerNode | undefined) => () =>
    acme.configurator.setImport(name(0), node && importOf(name(0), node));
  for (let i = 0; i < rounds; i++) {
    const next = offers[i % 2 === 0 ? 1 : 0];
    moved.push(await timed(set(next), next.name));
  }
  for (let i = 0; i < rounds / 4; i++) {
    gone.push(await timed(set(undefined), 404));
    came.push(await timed(set(offers[0]), offers[0].name));
  }
  row(size, "path changed, first request", moved);
  row(size, "withdrawn, first 404", gone);
  row(size, "imported, first request", came);
  // A node that has run for a while has its code compiled, and one that has just started has not.
  for (const [what, count] of [
    ["our CPU, of the first changes", rounds],
    ["", WARM_CHANGES],
    ["our CPU, of later changes", 2 * WARM_CHANGES],
  ] as const) {
    const cpu = process.cpuUsage();
    for (let i = 0; i < count; i++) {
      set(offers[i % 2 === 0 ? 1 : 0])();
      await flushed(acme);
    }
    const { user, system } = process.cpuUsage(cpu);
    const each = (user + system) / 1_000 / count;
    if (what !== "")
      console.log(`${String(size).padEnd(10)}${what.padEnd(30)}${each.toFixed(2).padStart(8)} ms`);
  }
}

function residentKib(node: PeerNode): number {
  const status = readFileSync(`/proc/${node.envoy.pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
}

function row(size: number, what: string, samples: readonly number[]): void {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN).toFixed(1).padStart(9);
  console.log(`${String(size).padEnd(10)}${what.padEnd(29)}${at(0.5)}${at(0.99)}${at(1)}`);
}
