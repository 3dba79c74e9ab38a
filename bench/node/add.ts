// `service add` called → first request for it served by Envoy, with other services there. Asked again and again over kept
// connections from the moment of the call, so the figure has the granularity of one request. Targets: http p50 < 15 ms,
// p99 < 80 ms; GraphQL p50 < 100 ms.

import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { percentiles } from "../percentiles.ts";
import type { BenchOptions } from "./index.ts";
import { type Cleanup, MeasuredNode, pause, until } from "./measured-node.ts";

const WARM = 5;
const SETTLE_MS = 60;

export async function add(t: Cleanup, options: BenchOptions): Promise<void> {
  const rounds = options.rounds || 100;
  const backend = await startBackend(t);
  const graphql = Math.min(options.graphql, options.services);
  const config = {
    services: Array.from({ length: options.services }, (_, i) =>
      i < graphql ? graphqlService(`base${i}`, backend) : httpService(`base${i}`, backend),
    ),
  };
  const node = await MeasuredNode.start(t, config, options.dist);
  const token = await node.token();
  await until("all served", async () => (await node.call("status", {})).services.up === options.services);
  for (const kind of ["http", "http:graphql"] as const) {
    const times: number[] = [];
    for (let i = 0; i < rounds + WARM; i += 1) {
      const name = `${kind === "http" ? "h" : "g"}${i}`;
      const { endpoint, ...service } =
        kind === "http" ? httpService(name, backend) : graphqlService(name, backend);
      const startedAt = performance.now();
      const called = node.call("service.add", { ...service, endpoints: [endpoint] });
      const first = kind === "http" ? asked(node, token, name) : queried(node, token, name);
      await first;
      if (i >= WARM) times.push(performance.now() - startedAt);
      await called;
      await node.call("service.remove", { name });
      // The next addition finds an idle node, not one that still takes this service out.
      await pause(SETTLE_MS);
    }
    const cpu = await cpuPerAdd(node, kind, backend, Math.min(rounds, 30));
    const beside = kind === "http" ? "" : `, ${graphql} of them GraphQL`;
    process.stdout.write(
      `  ${kind.padEnd(13)} ${percentiles(times)}, ${options.services} services${beside}; CPU ${cpu}\n`,
    );
  }
}

/** Robust on a shared machine: processor time of each part for one addition and one removal, nobody asking meanwhile. */
async function cpuPerAdd(node: MeasuredNode, kind: string, backend: string, rounds: number): Promise<string> {
  const { parts } = await node.call("status", {});
  const before = parts.map(({ pid }) => cpuMs(pid));
  for (let i = 0; i < rounds; i += 1) {
    const name = `cpu${i}`;
    const { endpoint, ...service } =
      kind === "http" ? httpService(name, backend) : graphqlService(name, backend);
    await node.call("service.add", { ...service, endpoints: [endpoint], waitMs: 10_000 });
    await node.call("service.remove", { name });
  }
  return parts
    .map(({ name, pid }, i) => `${name} ${((cpuMs(pid) - (before[i] ?? 0)) / rounds).toFixed(1)}`)
    .join(", ")
    .concat(" ms");
}

/** User and system time of a process; a tick is 10 ms. */
function cpuMs(pid: number | undefined): number {
  const fields =
    readFileSync(`/proc/${pid ?? 0}/stat`, "utf8")
      .split(") ")[1]
      ?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

interface ServiceBody {
  readonly name: string;
  readonly protocol: string;
  readonly endpoint: string;
  readonly ingress?: { readonly prefix: string };
}

const httpService = (name: string, backend: string): ServiceBody => ({
  name,
  protocol: "http",
  endpoint: backend,
  ingress: { prefix: `/${name}` },
});

const graphqlService = (name: string, backend: string): ServiceBody => ({
  name,
  protocol: "http:graphql",
  endpoint: `${backend}/graphql/${name}`,
});

/** Every service of the benchmark: plain answers, and a one-field GraphQL service per path. */
async function startBackend(t: Cleanup): Promise<string> {
  const server: Server = createServer((asked, response) => {
    const name = /^\/graphql\/(\w+)$/.exec(asked.url ?? "")?.[1];
    let body = "";
    asked.on("data", (chunk: Buffer) => (body += chunk.toString()));
    asked.on("end", () => {
      response.setHeader("content-type", "application/json");
      if (name === undefined) response.end("{}");
      else if (body.includes("_service"))
        response.end(JSON.stringify({ data: { _service: { sdl: `type Query { ${name}: Int }` } } }));
      else if (body.includes("__typename")) response.end('{"data":{"__typename":"Query"}}');
      else response.end(JSON.stringify({ data: { [name]: 1 } }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function asked(node: MeasuredNode, token: string, name: string): Promise<void> {
  while ((await node.ask(`/${name}`, token)).status !== 200);
}

async function queried(node: MeasuredNode, token: string, name: string): Promise<void> {
  while (!(await node.ask("/graphql", token, `{ ${name} }`)).text.includes(`"${name}":1`));
}
