// One of two nodes that offer a service is lost under 200 requests a second: killed (SIGKILL), or hanging (SIGSTOP). Told are the
// first answer of the other one, the slowest answer, and how many GETs failed. The nodes are whole but for their sessions: loop,
// plugins, data plane and a real Envoy each; the one that asks and the service's processes are on this machine too.
//   npm run bench -- peering failover [--rounds N] [--hung N]

import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { organization } from "../../src/envoy/peering.common-case.ts";
import { ask, echo, eventually, type Scope, serve } from "../../src/envoy/testing.ts";
import { offer, peer, type PlaneNode, startPlaneNode, tell } from "../../test/kit/plane-node.ts";

const PER_SECOND = 200;
/** How long is asked before and after the loss. */
const BEFORE_MS = 1_000;
const AFTER_MS = { SIGKILL: 1_500, SIGSTOP: 5_000 } as const;

type Loss = keyof typeof AFTER_MS;

interface Round {
  /** From the loss to the first answer of the other node. */
  readonly firstMs: number;
  readonly slowestMs: number;
  readonly asked: number;
  readonly failed: number;
}

export async function failover(args: readonly string[]): Promise<void> {
  const number = (flag: string, otherwise: number): number => {
    const at = args.indexOf(flag);
    return at < 0 ? otherwise : Number(args[at + 1]);
  };
  console.log("what      round  first answer of the other  slowest  asked  failed");
  for (let i = 0; i < number("--rounds", 3); i++) report("killed", i, await measure("SIGKILL"));
  for (let i = 0; i < number("--hung", 1); i++) report("hung", i, await measure("SIGSTOP"));
}

function report(what: string, round: number, { firstMs, slowestMs, asked, failed }: Round): void {
  const ms = (value: number): string => `${value.toFixed(0)} ms`;
  const cells = [ms(firstMs).padStart(25), ms(slowestMs).padStart(9), String(asked).padStart(7)];
  const failures = String(failed).padStart(8);
  console.log(`${what.padEnd(10)}${String(round + 1).padEnd(7)}${cells.join("")}${failures}`);
}

async function measure(loss: Loss): Promise<Round> {
  const undo: (() => Promise<void> | void)[] = [];
  const scope: Scope = { after: (step) => void undo.unshift(step) };
  try {
    const globex = await organization(scope, "globex.catalyst.internal");
    const acme = await startPlaneNode(scope, await organization(scope, "acme.catalyst.internal"));
    const one = await startPlaneNode(scope, globex, "edge1");
    const two = await startPlaneNode(scope, globex, "edge2");
    let reviews = "";
    for (const node of [one, two]) {
      await peer(node, acme);
      reviews = await offer(node, "reviews", await serve(scope, echo(node.name)));
      await tell(node, acme);
    }
    return await lose(scope, loss, acme, one, two, reviews);
  } finally {
    for (const step of undo) await step();
  }
}

async function lose(
  scope: Scope,
  loss: Loss,
  acme: PlaneNode,
  one: PlaneNode,
  two: PlaneNode,
  reviews: string,
): Promise<Round> {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  scope.after(() => agent.destroy());
  const get = () => ask(acme.egressPort, { headers: { host: reviews }, agent });
  await eventually(async () => (await get()).text.includes(one.name), "the first node serves");
  const round = { firstMs: Number.NaN, slowestMs: 0, asked: 0, failed: 0 };
  let lostAt = Number.POSITIVE_INFINITY;
  const request = async (): Promise<void> => {
    const begun = performance.now();
    round.asked += 1;
    const answer = await get().catch(() => undefined);
    const now = performance.now();
    round.slowestMs = Math.max(round.slowestMs, now - begun);
    if (answer?.status !== 200) round.failed += 1;
    else if (now > lostAt && Number.isNaN(round.firstMs) && answer.text.includes(two.name))
      round.firstMs = now - lostAt;
  };
  const open = new Set<Promise<void>>();
  const load = async (ms: number): Promise<void> => {
    const from = performance.now();
    for (let i = 0; performance.now() - from < ms; i++) {
      const asked = request();
      open.add(asked);
      void asked.then(() => open.delete(asked));
      await sleep(Math.max(0, from + ((i + 1) * 1_000) / PER_SECOND - performance.now()));
    }
  };
  await load(BEFORE_MS);
  lostAt = performance.now();
  one.envoy.kill(loss);
  await load(AFTER_MS[loss]);
  await Promise.all(open);
  if (loss === "SIGSTOP") one.envoy.kill("SIGCONT");
  return round;
}
