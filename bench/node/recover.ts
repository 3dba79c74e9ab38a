// Kill -9 of each part under load: how long until both a GraphQL query and an http request are answered again and every part is
// ready, and what was lost meanwhile. With the orchestrator (or auth) down nothing may be lost. Target: back in < 3 s. The load is
// open: so many requests a second whatever becomes of the earlier ones, as clients are, and no more than a small machine carries.
// The parts are killed in turn, so that each has been up for ten seconds and begins with the shortest backoff.

import { QUERY, twoServices } from "../../test/kit/two-services.ts";
import { percentiles } from "../percentiles.ts";
import type { BenchOptions } from "./index.ts";
import { type Cleanup, MeasuredNode, pause, until } from "./measured-node.ts";

/** Requests a second, to the graph and as many to the http service. */
const RATE = 50;
const PARTS = ["gateway", "auth", "envoy", "orchestrator"] as const;

/** One GraphQL and one http service, the configuration that names them, and the question whether a node serves both. */
export async function startServices(t: Cleanup): Promise<{
  config: object;
  readonly works: (node: MeasuredNode, token: string) => () => Promise<boolean>;
}> {
  const config = await twoServices(t);
  const works = (node: MeasuredNode, token: string) => async (): Promise<boolean> => {
    const asked = [node.ask("/graphql", token, QUERY), node.ask("/files/", token)];
    const [a, b] = await Promise.all(asked).catch(() => []);
    return a?.text.includes("kettle") === true && b?.status === 200;
  };
  return { config, works };
}

export async function recover(t: Cleanup, options: BenchOptions): Promise<void> {
  const rounds = options.rounds || 3;
  const services = await startServices(t);
  const node = await MeasuredNode.start(t, services.config, options.dist);
  const token = await node.token();
  const graph = () => node.ask("/graphql", token, QUERY);
  const http = () => node.ask("/files/", token);
  const say = (text: string): void => void process.stdout.write(`  ${text}\n`);
  const works = services.works(node, token);
  await until("served", works);
  const found = PARTS.map((part) => ({ part, times: [] as number[], lost: [] as string[], asked: 0 }));
  for (let round = 1; round <= rounds; round += 1)
    for (const entry of found) {
      const { part, times, lost } = entry;
      await until("long enough up", async () => ((await node.part(part)).uptimeMs ?? 0) > 10_000);
      const loads = [new OpenLoad(RATE, graph), new OpenLoad(RATE, http)];
      await pause(500);
      const ms = await killed(node, part, works);
      await pause(500);
      const failures = (await Promise.all(loads.map((load) => load.stop()))).flat();
      times.push(ms);
      lost.push(...failures);
      for (const { asked } of loads) entry.asked += asked;
      say(`round ${round} of ${rounds}: ${part} back after ${ms.toFixed(0)} ms, ${failures.length} lost`);
    }
  for (const { part, times, lost, asked } of found) {
    say(`${part.padEnd(13)} ${percentiles(times)}; ${lost.length} lost of ${asked} requests`);
    for (const [why, count] of counted(lost)) say(`${" ".repeat(13)} ${count} × ${why}`);
  }
}

/** Kills a part; milliseconds until the whole service is back. */
async function killed(
  node: MeasuredNode,
  part: (typeof PARTS)[number],
  works: () => Promise<boolean>,
): Promise<number> {
  const { pid = 0 } = await node.part(part);
  if (pid === 0) throw new Error(`${part} does not run`);
  process.kill(pid, "SIGKILL");
  const startedAt = performance.now();
  await until(`${part} is back`, async () => {
    // The orchestrator is one of the parts: while it is away nobody tells. A node that never answers again ends the wait by name.
    const now = await node.part(part).catch(() => undefined);
    return now?.state === "ready" && now.pid !== pid;
  });
  await until("served again", works);
  return performance.now() - startedAt;
}

/** The most frequent reasons. */
function counted(reasons: readonly string[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].toSorted(([, a], [, b]) => b - a).slice(0, 3);
}

/** Asks at a fixed rate and counts what went wrong; a request that failed is not asked again. */
class OpenLoad {
  asked = 0;
  readonly #failures: string[] = [];
  readonly #open = new Set<Promise<void>>();
  readonly #ask: () => Promise<{ status: number; text: string }>;
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;

  constructor(perSecond: number, ask: () => Promise<{ status: number; text: string }>) {
    this.#ask = ask;
    this.#timer = setInterval(() => {
      // By the clock and not by the timer, which comes late on a busy machine.
      const due = Math.floor(((performance.now() - this.#startedAt) / 1000) * perSecond);
      while (this.asked < due) this.#one();
    }, 1000 / perSecond);
  }

  /** Waits for what is open; the reasons of what failed. */
  async stop(): Promise<readonly string[]> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
    return this.#failures;
  }

  #one(): void {
    this.asked += 1;
    const asked = this.#ask().then(
      ({ status, text }) => {
        if (status !== 200 || text.includes('"errors"'))
          this.#failures.push(`${status} ${text.trim().slice(0, 100)}`);
      },
      (error: unknown) => void this.#failures.push(String(error)),
    );
    this.#open.add(asked);
    void asked.then(() => this.#open.delete(asked));
  }
}
