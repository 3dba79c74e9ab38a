// Requests per CPU-second of the gateway, beside the floor under it (a bare Node proxy) and the usual TypeScript gateway above
// it (graphql-yoga with @graphql-tools/federation), all in one run on the same services, with the joining of equal requests off
// in all. Flags: --seconds N (one window, default 1), --warm N (default 2), --rounds N (windows of each engine, default 4, the
// best counts), --only floor,catalyst,yoga. `swap` as first argument runs the swap benchmark instead.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { composeServices } from "@theguild/federation-composition";
import { parse } from "graphql";
import { graphConfig } from "./config.ts";
import { PRODUCTS_SDL, QUERIES, REVIEWS_SDL, type QueryName } from "./graph.ts";
import { Part } from "./process.ts";

export const about =
  "requests per CPU-second beside a bare proxy and graphql-yoga; `swap`: 100 swaps under load";

const CONNECTIONS = 32;
const ENGINES = ["floor", "catalyst", "yoga"] as const;
type Engine = (typeof ENGINES)[number];

interface Cell {
  readonly perCpuSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly failures: number;
  readonly residentMb: number;
}

export async function run(args: readonly string[]): Promise<void> {
  if (args[0] === "swap") {
    const { runSwaps } = await import("./swap.ts");
    return runSwaps(args.slice(1));
  }
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: "string", default: "1" },
      warm: { type: "string", default: "2" },
      rounds: { type: "string", default: "4" },
      only: { type: "string", default: ENGINES.join(",") },
    },
  });
  const engines = ENGINES.filter((engine) => values.only.split(",").includes(engine));
  if (engines.includes("yoga")) installPeers();
  using subgraphs = new Part("./subgraphs.ts", "rest");
  const { ports } = await subgraphs.next<{ ports: [number, number] }>();
  const warmMs = Number(values.warm) * 1_000;
  const measureMs = Number(values.seconds) * 1_000;
  const cells = new Map<string, Cell>();
  for (const query of ["one", "fed"] as const) {
    await measureQuery(query, engines, ports, { warmMs, measureMs, rounds: Number(values.rounds) }, cells);
  }
  print(engines, cells);
}

interface Times {
  readonly warmMs: number;
  readonly measureMs: number;
  readonly rounds: number;
}

/** All engines stay up and take turns, window by window: what disturbs the machine disturbs all of them alike. */
async function measureQuery(
  query: QueryName,
  engines: readonly Engine[],
  ports: [number, number],
  times: Times,
  cells: Map<string, Cell>,
): Promise<void> {
  using parts = new DisposableStack();
  const running: { engine: Engine; part: Part; port: number }[] = [];
  for (const engine of engines) {
    const part = parts.use(new Part(FILES[engine], "measured"));
    part.send(await startMessage(engine, query, ports));
    const { port } = await part.next<{ port: number }>();
    await verify(engine, query, port);
    running.push({ engine, part, port });
  }
  for (const { part, port } of running) await window(query, part, port, 0, times.warmMs);
  for (let round = 0; round < times.rounds; round++) {
    for (const { engine, part, port } of running) {
      const cell = await window(query, part, port, 200, times.measureMs);
      const key = `${engine} ${query}`;
      const known = cells.get(key);
      // The best window: noise of a shared machine only ever adds to the cost.
      if (known === undefined || cell.perCpuSecond > known.perCpuSecond) cells.set(key, cell);
    }
  }
}

async function window(
  query: QueryName,
  part: Part,
  port: number,
  warmMs: number,
  measureMs: number,
): Promise<Cell> {
  using load = new Part("./load.ts", "rest");
  load.send({
    port,
    body: JSON.stringify({ query: QUERIES[query] }),
    connections: CONNECTIONS,
    warmMs,
    measureMs,
  });
  await load.next();
  const before = part.cpuSeconds();
  const end = await load.next<{ requests: number; failures: number; p50: number; p99: number }>();
  const cpu = part.cpuSeconds() - before;
  const { requests, failures, p50, p99 } = end;
  return { perCpuSecond: requests / cpu, p50, p99, failures, residentMb: part.residentMb() };
}

const FILES: Readonly<Record<Engine, string>> = {
  floor: "./floor.ts",
  catalyst: "./catalyst.ts",
  yoga: "./peers/yoga.mjs",
};

async function startMessage(engine: Engine, query: QueryName, ports: [number, number]): Promise<object> {
  const [products, reviews] = ports;
  if (engine === "catalyst") return graphConfig(products, reviews, 1);
  if (engine === "yoga") return { supergraph: supergraph(products, reviews) };
  // The bodies a plan of ours sends, and the answer a client gets.
  const first = {
    port: products,
    body: JSON.stringify({ query: "{topProducts{__typename upc name price weight inStock}}" }),
  };
  const representations = Array.from({ length: 10 }, (_, index) => ({
    __typename: "Product",
    upc: `p${index}`,
  }));
  const entities =
    "query($representations:[_Any!]!){_entities(representations: $representations)" +
    "{...on Product{reviews{id stars body author{id name}}}}}";
  const second = { port: reviews, body: JSON.stringify({ query: entities, variables: { representations } }) };
  return { mode: query, calls: [first, second], answer: await expected("fed", ports) };
}

/** The right answer, put together from the services' own. */
async function expected(query: QueryName, ports: [number, number]): Promise<string> {
  const { PRODUCTS, reviewsOf } = await import("./graph.ts");
  if (ports.length !== 2) throw new Error("two services are needed");
  const topProducts = PRODUCTS.map((product) =>
    query === "one" ? product : { ...product, reviews: reviewsOf(product.upc) },
  );
  return JSON.stringify({ data: { topProducts } });
}

/** A benchmark of wrong answers is worth nothing. */
async function verify(engine: Engine, query: QueryName, port: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query: QUERIES[query] }),
  });
  const answer = await response.text();
  const right = await expected(query, [0, 0]);
  if (JSON.stringify(JSON.parse(answer)) !== right)
    throw new Error(`${engine} answers ${query} wrongly: ${answer}`);
}

function supergraph(products: number, reviews: number): string {
  const result = composeServices([
    { name: "products", url: `http://127.0.0.1:${products}/graphql`, typeDefs: parse(PRODUCTS_SDL) },
    { name: "reviews", url: `http://127.0.0.1:${reviews}/graphql`, typeDefs: parse(REVIEWS_SDL) },
  ]);
  if (result.errors !== undefined) throw new Error(result.errors.map(({ message }) => message).join("; "));
  return result.supergraphSdl;
}

function installPeers(): void {
  const folder = fileURLToPath(new URL("./peers", import.meta.url));
  if (existsSync(`${folder}/node_modules`)) return;
  console.log("installing graphql-yoga and @graphql-tools/federation into bench/gateway/peers (once)");
  const result = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: folder,
    stdio: "inherit",
  });
  if (result.status !== 0)
    throw new Error("npm ci in bench/gateway/peers failed; --only floor,catalyst needs no peers");
}

function print(engines: readonly Engine[], cells: ReadonlyMap<string, Cell>): void {
  const row = (columns: readonly string[]) =>
    console.log(
      columns.map((column, index) => (index < 2 ? column.padEnd(10) : column.padStart(13))).join(""),
    );
  row(["query", "engine", "req/CPU-s", "x floor", "x yoga", "p50 ms", "p99 ms", "RSS MB", "failures"]);
  for (const query of ["one", "fed"] as const) {
    for (const engine of engines) {
      const cell = cells.get(`${engine} ${query}`);
      if (cell === undefined) continue;
      const ratio = (other: Engine) => {
        const base = cells.get(`${other} ${query}`);
        return base === undefined ? "-" : (cell.perCpuSecond / base.perCpuSecond).toFixed(2);
      };
      row([
        query,
        engine,
        Math.round(cell.perCpuSecond).toLocaleString("en"),
        ratio("floor"),
        ratio("yoga"),
        cell.p50.toFixed(1),
        cell.p99.toFixed(1),
        String(cell.residentMb),
        String(cell.failures),
      ]);
    }
  }
}
