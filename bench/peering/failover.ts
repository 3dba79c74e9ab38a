// One of two whole nodes that offer a service to a third one of another organization is lost under 200 requests a second, with all
// of its processes: killed (SIGKILL), or hanging (SIGSTOP). Told are the first answer of the other one, the slowest answer, and how
// many GETs failed. The service itself lives on; the one that asks and the service's processes are on this machine too.
//   npm run bench -- peering failover [--rounds N] [--hung N]

import { setTimeout as sleep } from "node:timers/promises";
import { echo, type Scope, serve } from "../../src/envoy/testing.ts";
import { until } from "../../test/kit/node.ts";
import { cleaned, startNodes, type WholeNode } from "../../test/kit/whole-nodes.ts";

const ACME = "acme.catalyst.internal";
const GLOBEX = "globex.catalyst.internal";
const REVIEWS = `reviews.${GLOBEX}`;
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
  let round: Round | undefined;
  await cleaned(async (t) => {
    const [acme, ...others] = await startNodes(
      t,
      [`edge1.${ACME}`, `edge1.${GLOBEX}`, `edge2.${GLOBEX}`],
      [
        [0, 1],
        [0, 2],
      ],
    );
    if (acme === undefined) throw new Error("there is no node");
    for (const { node, name } of others) {
      const endpoints = [`http://${await serve(t, echo(name))}`];
      await node.call("service.add", { name: "reviews", protocol: "http", endpoints });
    }
    const paths = async (): Promise<number> =>
      (await acme.node.call("route.list", {})).filter(({ name }) => name === REVIEWS).length;
    await until("both tell of it", async () => (await paths()) === others.length);
    round = await lose(t, loss, acme, others);
  });
  if (round === undefined) throw new Error("nothing was measured");
  return round;
}

async function lose(scope: Scope, loss: Loss, acme: WholeNode, others: readonly WholeNode[]): Promise<Round> {
  const get = () => acme.get(REVIEWS);
  await until("one of them serves", async () => (await get()).status === 200);
  const used = (await get()).text;
  const one = others.find(({ name }) => used.includes(`"name":"${name}"`));
  const two = others.find((node) => node !== one);
  if (one === undefined || two === undefined) throw new Error(`nobody known answers: ${used}`);
  const round = { firstMs: Number.NaN, slowestMs: 0, asked: 0, failed: 0 };
  let lostAt = Number.POSITIVE_INFINITY;
  const request = async (): Promise<void> => {
    const begun = performance.now();
    round.asked += 1;
    const { status, text } = await get();
    const now = performance.now();
    round.slowestMs = Math.max(round.slowestMs, now - begun);
    if (status !== 200) round.failed += 1;
    else if (now > lostAt && Number.isNaN(round.firstMs) && text.includes(`"name":"${two.name}"`))
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
  // Also when it fails: a node that hangs cannot be ended.
  if (loss === "SIGSTOP") scope.after(() => one.signal("SIGCONT"));
  lostAt = performance.now();
  one.signal(loss);
  await load(AFTER_MS[loss]);
  await Promise.all(open);
  return round;
}
