// `service add` called → first request for it served by Envoy, with other services there. Asked again and again over kept
// connections from the moment of the call, so the figure has the granularity of one request. Targets: http p50 < 15 ms,
// p99 < 80 ms; GraphQL p50 < 100 ms.

import { Agent, createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type Cleanup, TestNode, until } from "../../test/kit/node.ts";
import { type BenchOptions, percentiles } from "./index.ts";

const WARM = 5;

export async function add(t: Cleanup, options: BenchOptions): Promise<void> {
  const rounds = options.rounds || 100;
  const backend = await startBackend(t);
  const graphql = Math.min(options.graphql, options.services);
  const node = await TestNode.start(t, {
    config: {
      services: Array.from({ length: options.services }, (_, i) =>
        i < graphql ? graphqlService(`base${i}`, backend) : httpService(`base${i}`, backend),
      ),
    },
  });
  const token = await node.token();
  await until("all served", async () => (await node.call("status", {})).services.up === options.services);
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  for (const kind of ["http", "http:graphql"] as const) {
    const times: number[] = [];
    for (let i = 0; i < rounds + WARM; i += 1) {
      const name = `${kind === "http" ? "h" : "g"}${i}`;
      const { endpoint, ...service } =
        kind === "http" ? httpService(name, backend) : graphqlService(name, backend);
      const startedAt = performance.now();
      const called = node.call("service.add", { ...service, endpoints: [endpoint] });
      const first = kind === "http" ? asked(node, token, agent, name) : queried(node, token, agent, name);
      await first;
      if (i >= WARM) times.push(performance.now() - startedAt);
      await called;
      await node.call("service.remove", { name });
    }
    const beside = kind === "http" ? "" : `, ${graphql} of them GraphQL`;
    process.stdout.write(
      `  ${kind.padEnd(13)} ${percentiles(times)}, ${options.services} services${beside}\n`,
    );
  }
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

async function asked(node: TestNode, token: string, agent: Agent, name: string): Promise<void> {
  while ((await ask(`${node.ingress}/${name}`, token, agent)).status !== 200);
}

async function queried(node: TestNode, token: string, agent: Agent, name: string): Promise<void> {
  const body = JSON.stringify({ query: `{ ${name} }` });
  while (!(await ask(`${node.ingress}/graphql`, token, agent, body)).text.includes(`"${name}":1`));
}

function ask(
  url: string,
  token: string,
  agent: Agent,
  body?: string,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const method = body === undefined ? "GET" : "POST";
    const sent = request(url, { agent, method, headers }, (answer) => {
      let text = "";
      answer.on("data", (chunk: Buffer) => (text += chunk.toString()));
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
