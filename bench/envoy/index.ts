// From a want to Envoy's acknowledgement, with 100 and 1,000 services behind one ingress: a service that comes, one whose
// endpoint moves, one whose prefix changes, and new keys; and until the first request is served by what came. A real Envoy,
// one worker; everything on this machine, so the cost of Envoy is in the figures.
//   npm run bench -- envoy [services…] [--rounds N]

import { readFileSync, readdirSync } from "node:fs";
import { Agent } from "node:http";
import type { EnvoyServiceWant } from "#routing";
import { Signer, ask, echo, httpService, serve, startNode } from "../../src/envoy/testing.ts";
import type { Node, Scope } from "../../src/envoy/testing.ts";

export const about = "publish to Envoy and be acknowledged, with 100 and 1,000 services";

export async function run(args: readonly string[]): Promise<void> {
  const at = args.indexOf("--rounds");
  const rounds = at >= 0 ? Number(args[at + 1]) : 60;
  const sizes = args.filter((arg, i) => /^\d+$/.test(arg) && i !== at + 1).map(Number);
  console.log("services  what                                p50 ms   p99 ms   max ms");
  for (const size of sizes.length > 0 ? sizes : [100, 1_000]) await measure(size, rounds);
}

async function measure(size: number, rounds: number): Promise<void> {
  const undo: (() => Promise<void> | void)[] = [];
  const scope: Scope = { after: (step) => void undo.unshift(step) };
  try {
    const [one, two] = [await serve(scope, echo("one")), await serve(scope, echo("two"))];
    const name = (i: number): string => `s${i}.acme.catalyst.internal`;
    const want = (i: number, endpoint: string, prefix = `/s${i}`): EnvoyServiceWant =>
      httpService(name(i), [endpoint], { ingress: { prefix } });
    const services = Array.from({ length: size }, (_, i) => want(i, one));
    const started = performance.now();
    const node = await startNode(scope, { services });
    row(size, "start of Envoy to serving", [performance.now() - started]);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    scope.after(() => agent.destroy());

    const added: number[] = [];
    const served: number[] = [];
    for (let i = size; i < size + rounds; i++) {
      node.configurator.setService(name(i), want(i, one));
      const from = performance.now();
      added.push(await flushed(node, name(i)));
      await until(node, agent, `/s${i}`);
      served.push(performance.now() - from);
    }
    row(size, "service added, acknowledged", added);
    row(size, "service added, first request", served);
    const gone: number[] = [];
    const before = cpuMs(node.envoy.pid);
    for (let i = size; i < size + rounds; i++) {
      node.configurator.setService(name(i), undefined);
      gone.push(await flushed(node, name(i)));
    }
    row(size, "service removed", gone);
    row(size, "  of it, processor time of Envoy", [(cpuMs(node.envoy.pid) - before) / rounds]);
    const moved: number[] = [];
    for (let i = 0; i < rounds; i++) {
      node.configurator.setService(name(0), want(0, i % 2 === 0 ? two : one));
      moved.push(await flushed(node, name(0)));
    }
    row(size, "endpoint moved", moved);
    const routed: number[] = [];
    for (let i = 0; i < rounds; i++) {
      node.configurator.setService(name(0), want(0, one, `/p${i}`));
      routed.push(await flushed(node, name(0)));
    }
    row(size, "prefix changed", routed);
    const rotated: number[] = [];
    for (let i = 0; i < rounds; i++) {
      node.configurator.setKeys(node.signer.keys(new Signer()));
      const { keys, ms } = await node.configurator.flush();
      if (keys?.ok !== true) throw new Error("the keys were refused");
      rotated.push(ms);
    }
    row(size, "keys rotated", rotated);
  } finally {
    for (const step of undo) await step();
  }
}

async function flushed(node: Node, service: string): Promise<number> {
  const { services, ms } = await node.configurator.flush();
  const verdict = services.get(service);
  if (verdict?.ok !== true) throw new Error(`${service} was refused`);
  return ms;
}

async function until(node: Node, agent: Agent, path: string): Promise<void> {
  for (;;) {
    const { status } = await ask(node.port, { path, headers: node.signer.bearer(), agent });
    if (status === 200) return;
  }
}

/** What all threads of a process had of the processors: robust where others use them too. */
function cpuMs(pid = 0): number {
  let ns = 0;
  for (const task of readdirSync(`/proc/${pid}/task`))
    ns += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]);
  return ns / 1e6;
}

function row(size: number, what: string, samples: readonly number[]): void {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN).toFixed(1).padStart(9);
  console.log(`${String(size).padEnd(10)}${what.padEnd(33)}${at(0.5)}${at(0.99)}${at(1)}`);
}
