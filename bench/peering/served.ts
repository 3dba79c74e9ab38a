// One route over three whole nodes in a line, A to B to C, until C's Envoy serves it: in one organization, and with C in another
// one. A's change is an own service that is added over the admin RPC; it has no probe, so it is well at once and nothing but the
// way of the route is measured. Timed from before the call, so the call itself, A's commit and A's own Envoy are in the figure. C
// is asked again and again over one kept connection: "served" is when the first request that is answered began, "answered" when its
// answer was there, which has come over three Envoys. "Known" is with another service over the same nodes; "new" without: B's Envoy
// and C's open a cluster each, which passes its health check first. Then the same way stage by stage, each with nobody else asking.
//   npm run bench -- peering served [--rounds N]

import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { echo, serve } from "../../src/envoy/testing.ts";
import { line, monotonic } from "../../test/kit/process-network.ts";
import { cleaned, startNodes, type WholeNode } from "../../test/kit/whole-nodes.ts";
import { percentiles } from "../percentiles.ts";

const ACME = "acme.catalyst.internal";
const GLOBEX = "globex.catalyst.internal";
/** Rounds whose times are not counted: connections are opened, and code is compiled as it is in a node that has run for a while. */
const WARM = 5;
const WARM_KNOWN = 200;
const WITHIN_MS = 20_000;
/** A cluster outlives its last route by half a second; after this the set of paths is a new one. */
const FORGOTTEN_MS = 800;
const LINES: readonly (readonly [string, string])[] = [
  ["one organization", ACME],
  ["two organizations", GLOBEX],
];

/** Milliseconds from the call. */
interface Round {
  readonly ms: number;
  readonly servedMs: number;
  /** From the call that removes it. */
  readonly goneMs: number;
}

type Line = readonly [a: WholeNode, b: WholeNode, c: WholeNode];
type Asked = (name: string) => boolean | Promise<boolean>;

export async function served(args: readonly string[]): Promise<void> {
  const at = args.indexOf("--rounds");
  const rounds = at < 0 ? 200 : Number(args[at + 1]);
  for (const [what, last] of LINES)
    await cleaned(async (t) => {
      const [a, b, c] = await startNodes(t, [`a.${ACME}`, `b.${ACME}`, `c.${last}`], line(3));
      if (a === undefined || b === undefined || c === undefined) throw new Error("a node is missing");
      const endpoint = `http://${await serve(t, echo("a"))}`;
      console.log(`A to B to C, ${what}`);
      await lineOf([a, b, c], endpoint, rounds);
    });
}

async function lineOf([a, b, c]: Line, endpoint: string, rounds: number): Promise<void> {
  const ways = new Map([b, c].map((node) => [node, new Way(node.egress)]));
  const status = async (node: WholeNode, name: string): Promise<number> =>
    (await ways.get(node)?.head(name)) ?? 0;
  const reached = async (node: WholeNode, name: string): Promise<boolean> =>
    (await status(node, name)) === 200;
  const knows = async (node: WholeNode, name: string): Promise<boolean> =>
    (await node.node.call("route.list", {})).some((route) => route.name === name);
  const stages: readonly (readonly [string, Asked | undefined])[] = [
    ["A answers the call", undefined],
    ["B has it in its table", (name) => knows(b, name)],
    ["C has it in its table", (name) => knows(c, name)],
    ["B's Envoy serves it", (name) => reached(b, name)],
    ["C's Envoy serves it", (name) => reached(c, name)],
  ];
  const serves: Asked = (name) => reached(c, name);
  const add = async (name: string): Promise<void> => {
    await a.node.call("service.add", {
      name,
      protocol: "http",
      endpoints: [endpoint],
      probe: { kind: "none" },
    });
  };
  const gone: Asked = async (name) => (await status(c, name)) === 404;
  const one = async (asked: Asked | undefined, i: number, restMs: number): Promise<Round> => {
    const [short, full] = [`s${i}`, `s${i}.${a.organization}`];
    const since = monotonic();
    const added = add(short);
    // The answer to the call comes when the service is on disk, which nobody else waits for.
    const began = await (asked === undefined ? added : holds(asked, full));
    const ms = monotonic() - since;
    await added;
    await holds(serves, full);
    const removed = monotonic();
    const taken = a.node.call("service.remove", { name: short });
    await holds(gone, full);
    const goneMs = monotonic() - removed;
    await taken;
    // No two rounds at the same place of any timer.
    await sleep(restMs + (i % 7) * 3);
    return { ms, servedMs: (began ?? since) - since, goneMs };
  };
  const many = async (asked: Asked | undefined, count: number, restMs = 20, warm = WARM) => {
    const all: Round[] = [];
    for (let i = 0; i < count + warm; i++) all.push(await one(asked, i, restMs));
    return all.slice(warm);
  };
  const fresh = await many(serves, Math.ceil(rounds / 2), FORGOTTEN_MS);
  console.log(`  new set, served:      ${percentiles(fresh.map(({ servedMs }) => servedMs))}`);
  console.log(`  new set, answered:    ${percentiles(fresh.map(({ ms }) => ms))}`);
  await add("base");
  await holds(serves, `base.${a.organization}`);
  const known = await many(serves, rounds, 20, WARM_KNOWN);
  console.log(`  known set, served:    ${percentiles(known.map(({ servedMs }) => servedMs))}`);
  console.log(`  known set, answered:  ${percentiles(known.map(({ ms }) => ms))}`);
  console.log(`  removed, C says 404:  ${percentiles(known.map(({ goneMs }) => goneMs))}`);
  for (const [stage, asked] of stages) {
    const times = await many(asked, Math.ceil(rounds / 4));
    console.log(`  ${stage.padEnd(21)} ${percentiles(times.map(({ ms }) => ms))}`);
  }
  for (const way of ways.values()) way.close();
}

/**
 * One kept connection that asks by HEAD, in bytes made by hand: a client of HTTP takes a third of a processor at this rate, from those
 * who are measured.
 */
class Way {
  readonly #socket: Socket;
  #answer: (status: number) => void = () => {};
  #text = "";

  constructor(port: number) {
    this.#socket = connect({ host: "127.0.0.1", port, noDelay: true });
    this.#socket.setEncoding("latin1").on("data", (text: string) => {
      this.#text += text;
      if (!this.#text.endsWith("\r\n\r\n")) return;
      this.#answer(Number(this.#text.slice("HTTP/1.1 ".length, "HTTP/1.1 200".length)));
      this.#text = "";
    });
  }

  /** The status; one question at a time. */
  head(host: string): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#answer = resolve;
    this.#socket.write(`HEAD / HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
    return promise;
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** When the question began that was the first to be answered with yes. */
async function holds(asked: Asked, name: string): Promise<number> {
  const end = monotonic() + WITHIN_MS;
  for (;;) {
    const began = monotonic();
    if (await asked(name)) return began;
    if (began > end) throw new Error(`did not happen within ${WITHIN_MS / 1000} s: ${name}`);
    // Without a pause who asks, and the Envoys that answer, take the processors from those who are measured.
    await sleep(1);
  }
}
