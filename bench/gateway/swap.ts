// A hundred swaps of the graph under load: fast queries, and queries and mutations that take 700 ms, are under way the whole
// time; every swap replaces the schema of one service, so each one composes anew. Counted is what was lost: any answer that is missing,
// has an error or the wrong data. Flags: --swaps N (default 100), --every MS (default 100).

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import { createGateway } from "#gateway";
import { graphConfig, graphService } from "./config.ts";
import { QUERIES } from "./graph.ts";
import { Part } from "./process.ts";

const SLOW_MS = 700;
const SLOW_SDL = "type Query { slow: Int } type Mutation { slowly(n: Int!): Int }";

interface Loop {
  readonly name: string;
  readonly query: string;
  readonly right: (answer: string) => boolean;
  done: number;
  lost: number;
  slowestMs: number;
}

export async function runSwaps(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { swaps: { type: "string", default: "100" }, every: { type: "string", default: "100" } },
  });
  using subgraphs = new Part("./subgraphs.ts", "rest");
  const { ports } = await subgraphs.next<{ ports: [number, number] }>();
  const [products, reviews] = ports;
  const slow = await serveSlow();
  const slowPort = (slow.address() as AddressInfo).port;
  const gateway = await createGateway();
  const unused = () => Promise.reject(new Error("no identity in the benchmark"));
  const identity = { verify: unused, exchange: unused, wallNow: Date.now };
  const { port } = await gateway.listen({ host: "127.0.0.1", port: 0, identity });
  if (port === undefined) throw new Error("no port");
  const base = [graphService("slow", SLOW_SDL, slowPort)];
  // Another field each time, so that no composition can be used again.
  const extra = (revision: number) => graphService("extra", `type Query { extra${revision}: Int }`, slowPort);
  const config = (revision: number) => graphConfig(products, reviews, revision, [...base, extra(revision)]);
  try {
    await gateway.apply(config(1));
    let stop = false;
    const loops = [
      ...Array.from({ length: 4 }, () =>
        loop("queries", QUERIES.fed, (answer) => answer.includes("Author number 2")),
      ),
      ...Array.from({ length: 8 }, () =>
        loop("slow queries", "{slow}", (answer) => answer === `{"data":{"slow":1}}`),
      ),
      ...Array.from({ length: 8 }, () =>
        loop("slow mutations", "mutation{slowly(n:7)}", (answer) => answer === `{"data":{"slowly":7}}`),
      ),
    ];
    const running = loops.map((each) => repeat(each, port, () => stop));
    const composeMs: number[] = [];
    let refused = 0;
    for (let swap = 2; swap < Number(values.swaps) + 2; swap++) {
      const applied = await gateway.apply(config(swap));
      if (!applied.ok) refused += 1;
      composeMs.push(applied.composeMs);
      await new Promise((resolve) => setTimeout(resolve, Number(values.every)));
    }
    stop = true;
    await Promise.all(running);
    report(loops, composeMs, refused, (await gateway.status()).generationsAlive);
  } finally {
    await gateway.close(2_000);
    slow.close();
    slow.closeAllConnections();
  }
}

function loop(name: string, query: string, right: (answer: string) => boolean): Loop {
  return { name, query, right, done: 0, lost: 0, slowestMs: 0 };
}

async function repeat(each: Loop, port: number, stopped: () => boolean): Promise<void> {
  const body = JSON.stringify({ query: each.query });
  while (!stopped()) {
    const started = performance.now();
    try {
      const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
      });
      if (each.right(await response.text())) each.done += 1;
      else each.lost += 1;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      each.lost += 1; // the connection broke: the request is lost
    }
    each.slowestMs = Math.max(each.slowestMs, performance.now() - started);
  }
}

async function serveSlow(): Promise<Server> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const isMutation = Buffer.concat(chunks).includes("mutation");
      setTimeout(() => {
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ data: isMutation ? { slowly: 7 } : { slow: 1 } }));
      }, SLOW_MS);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

function report(loops: readonly Loop[], composeMs: readonly number[], refused: number, alive: number): void {
  const sorted = composeMs.toSorted((a, b) => a - b);
  const at = (share: number) => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(1);
  console.log(`swaps ${sorted.length}, refused ${refused}, compose p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`);
  console.log(`generations alive at the end ${alive}`);
  for (const name of new Set(loops.map((each) => each.name))) {
    const group = loops.filter((each) => each.name === name);
    const sum = (pick: (each: Loop) => number) => group.reduce((total, each) => total + pick(each), 0);
    const slowest = Math.max(...group.map((each) => each.slowestMs));
    console.log(
      `${name.padEnd(15)} done ${String(sum((each) => each.done)).padStart(6)}, ` +
        `lost ${sum((each) => each.lost)}, slowest ${slowest.toFixed(0)} ms`,
    );
  }
}
