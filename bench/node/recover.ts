// Kill -9 of each part under load: how long until both a GraphQL query and an http request are answered again, and what was lost
// meanwhile. With the orchestrator (or auth) down nothing may be lost. Target: back in < 3 s.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { start as startProducts } from "../../examples/products/products.ts";
import { type BenchOptions, percentiles } from "./index.ts";
import { type Cleanup, MeasuredNode, pause, until } from "./measured-node.ts";

const QUERY = "{ topProducts(first: 1) { name } }";

export async function recover(t: Cleanup, options: BenchOptions): Promise<void> {
  const rounds = options.rounds || 3;
  const products = await startProducts({ port: 0 });
  t.after(() => products.close());
  const server = createServer((_, response) => response.end("file"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const config = {
    services: [
      { name: "products", protocol: "http:graphql", endpoint: products.url },
      { name: "files", protocol: "http", endpoint, ingress: { prefix: "/files" } },
    ],
  };
  const node = await MeasuredNode.start(t, config, options.dist);
  const token = await node.token();
  const graph = () => node.ask("/graphql", token, QUERY);
  const http = () => node.ask("/files/", token);
  const works = async (): Promise<boolean> => {
    const [a, b] = await Promise.all([graph(), http()]).catch(() => []);
    return a?.text.includes("kettle") === true && b?.status === 200;
  };
  await until("served", works);
  for (const part of ["gateway", "auth", "envoy", "orchestrator"] as const) {
    const times: number[] = [];
    let lost = 0;
    let answered = 0;
    for (let i = 0; i < rounds; i += 1) {
      // Ten seconds up, so that each end begins with the shortest backoff.
      await until("long enough up", async () => ((await node.part(part)).uptimeMs ?? 0) > 10_000);
      const loads = [new Load(2, graph), new Load(2, http)];
      const { pid = 0 } = await node.part(part);
      process.kill(pid, "SIGKILL");
      const startedAt = performance.now();
      await until(`${part} is back`, async () => {
        const now = await node.part(part).catch(() => undefined);
        return now?.state === "ready" && now.pid !== pid;
      });
      await until("served again", works);
      times.push(performance.now() - startedAt);
      await pause(500);
      for (const load of loads) {
        await load.stop();
        lost += load.failures.length;
        answered += load.done;
      }
    }
    process.stdout.write(
      `  ${part.padEnd(13)} ${percentiles(times)}; ${lost} lost of ${answered + lost} requests\n`,
    );
  }
}

/** Asks again and again and counts what went wrong. */
class Load {
  done = 0;
  failures: string[] = [];
  #stopped = false;
  readonly #loops: Promise<void>[];

  constructor(loops: number, ask: () => Promise<{ status: number; text: string }>) {
    this.#loops = Array.from({ length: loops }, () => this.#loop(ask));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
  }

  async #loop(ask: () => Promise<{ status: number; text: string }>): Promise<void> {
    while (!this.#stopped) {
      try {
        const { status, text } = await ask();
        if (status === 200 && !text.includes('"errors"')) this.done += 1;
        else this.failures.push(`${status} ${text}`);
      } catch (error) {
        this.failures.push(String(error));
        await pause(5);
      }
    }
  }
}
