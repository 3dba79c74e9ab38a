// The loop alone: how many events a second pass through it when every event changes a service (health down,
// health up, an endpoint that comes, one that goes), all built-in plugins react and the effect runners are
// off; with small and large tables. The figure to reach: 250,000 events/s, and one event's cost does not grow
// with 100,000 services. Events on all of 100,000 services also find each service in no cache of the processor,
// however the table is made; events on 100 of them show what the table itself costs. Run: npm run bench -- kernel

import { type Input, KernelError, Loop } from "#kernel";
import { type Event, type NodeTypes, type ServiceIntent, State } from "#routing";
import { builtInPlugins } from "../../src/orchestrator/plugins/index.ts";

const NODE = "edge1.acme.catalyst.internal";
const ORGANIZATION = "acme.catalyst.internal";
const TABLES = [100, 10_000, 100_000];
/** Few enough to stay in the caches of a processor. */
const FEW = 100;
const REQUIRED_PER_SECOND = 250_000;
/** Start of the simulated clock; events carry it, so that no clock is read for them. */
const START = 1_700_000_000_000;

interface Measured {
  readonly services: number;
  /** How many of them the events are about. */
  readonly changing: number;
  readonly events: number;
  readonly perSecond: number;
  /** Microseconds of processor time an event, user and system. */
  readonly cpuUs: number;
  readonly commits: number;
  readonly effects: number;
}

export async function run(args: string[]): Promise<void> {
  const count = Number(args.find((arg) => /^\d+$/.test(arg)) ?? 300_000);
  const rounds = 3;
  const sizes = args
    .filter((arg) => arg.startsWith("--services="))
    .map((arg) => Number(arg.slice("--services=".length)));
  process.stdout.write(`${count} events a round, best of ${rounds}; Node ${process.version}\n\n`);
  process.stdout.write("services  changing   events/s   us CPU/event   commits   effects wanted\n");
  const best: Measured[] = [];
  for (const services of sizes.length > 0 ? sizes : TABLES) {
    const all = Array.from({ length: services }, (_, index) => intentOf(index));
    const loop = await load(all);
    checkEachChanges(loop, all);
    for (const changing of new Set([services, Math.min(services, FEW)])) {
      const some = all.slice(0, changing);
      const measured: Measured[] = [];
      for (let round = 1; round <= rounds; round++)
        measured.push(await measure(loop, services, some, count, round));
      const top = measured.reduce((a, b) => (a.perSecond > b.perSecond ? a : b));
      best.push(top);
      process.stdout.write(`${line(top)}\n`);
    }
    await loop.stop();
  }
  const slowest = Math.min(...best.map(({ perSecond }) => perSecond));
  const verdict = slowest >= REQUIRED_PER_SECOND ? "reached" : "NOT reached";
  process.stdout.write(`\n${REQUIRED_PER_SECOND} events/s at every size: ${verdict}.\n`);
  const [small] = best;
  const large = Math.max(...best.map(({ services }) => services));
  for (const { services, changing, cpuUs } of best) {
    if (small === undefined || services !== large || services === small.services) continue;
    const growth = (cpuUs / small.cpuUs).toFixed(2);
    process.stdout.write(
      `With ${services} services, about ${changing} of them: ${growth} x that with ${small.services}.\n`,
    );
  }
}

function line({ services, changing, perSecond, cpuUs, commits, effects }: Measured): string {
  const cells = [services, changing, Math.round(perSecond), cpuUs.toFixed(2), commits, effects];
  const widths = [8, 9, 10, 14, 9, 16];
  return cells.map((cell, i) => String(cell).padStart(widths[i] ?? 0)).join(" ");
}

const nameOf = (index: number): string => `s${index}.${ORGANIZATION}`;
const urlOf = (index: number, port: number): string => `http://10.0.0.${index & 255}:${port}`;

/** Half plain http, half GraphQL, a third of all owned by the admin API: so that every plugin has work. */
function intentOf(index: number): ServiceIntent {
  const graphql = index % 2 === 0;
  return {
    name: nameOf(index),
    protocol: graphql ? "http:graphql" : "http",
    owner: index % 3 === 0 ? { kind: "admin" } : { kind: "config", file: "catalyst.json", line: index + 1 },
    endpoints: [urlOf(index, 5001), urlOf(index, 5002)],
    probe: { kind: graphql ? "graphql" : "tcp", intervalMs: 2_000, timeoutMs: 1_000, up: 1, down: 1 },
    ...(graphql ? {} : { ingress: { prefix: `/p${index}` } }),
    timeoutMs: 5_000,
    export: false,
  };
}

async function load(all: readonly ServiceIntent[]): Promise<Loop<NodeTypes>> {
  const loop = new Loop<NodeTypes>({
    store: new State(NODE),
    plugins: builtInPlugins(),
    ports: {
      clock: { now: Date.now, monotonic: () => performance.now(), after: () => () => {} },
      random: { next: Math.random },
      log: { debug() {}, info() {}, warn() {}, error: (fields, text) => console.error(text, fields) },
    },
    schedule: setImmediate,
    effects: false,
    weigh: ({ changes }) => changes.services.size + changes.routes.size,
  });
  const owned = (kind: string) => all.filter(({ owner }) => owner.kind === kind);
  await loop.submit({ kind: "config.services", at: START, services: owned("config") });
  await loop.submit({ kind: "store.services", at: START, services: owned("admin") });
  const first: Input<Event>[] = all.flatMap(({ name, protocol, endpoints }) => [
    ...endpoints.map((url) => answer(name, url, true)),
    ...(protocol === "http" ? [] : [read(name)]),
  ]);
  await feed(loop, first);
  return loop;
}

const answer = (service: string, endpoint: string, ok: boolean): Input<Event> => ({
  kind: "probe.result",
  at: START,
  service,
  endpoint,
  ok,
  ...(ok ? {} : { reason: "connection refused" }),
});

const read = (service: string): Input<Event> => ({
  kind: "schema.read",
  at: START,
  service,
  result: { ok: true, hash: `sdl-of-${service}`, kind: "federation" },
});

/**
 * Each event changes a service: its endpoints go down and come up, and the admin API changes every third one.
 * Names and URLs are the very strings of the state, as they are in a node, where the prober gets them with
 * its want.
 */
function events(all: readonly ServiceIntent[], count: number, round: number): Input<Event>[] {
  const list: Input<Event>[] = [];
  for (let i = 0; list.length < count; i++) {
    // A stride coprime to the table's size visits services far apart, as a busy node does, not one after the
    // other.
    const intent = all[(i * 7_919) % all.length];
    const [one, two] = intent?.endpoints ?? [];
    if (intent === undefined || one === undefined || two === undefined)
      throw new Error("a service without endpoints");
    const { name } = intent;
    list.push(
      answer(name, one, false),
      answer(name, two, false),
      answer(name, one, true),
      answer(name, two, true),
    );
    if (intent.owner.kind !== "admin") continue;
    const timeoutMs = 5_001 + ((i + round) % 1_000);
    list.push({ kind: "service.add", at: START, intent: { ...intent, timeoutMs } });
  }
  return list;
}

async function feed(loop: Loop<NodeTypes>, list: readonly Input<Event>[]): Promise<void> {
  for (const event of list) {
    try {
      loop.push(event);
    } catch (error) {
      if (!(error instanceof KernelError) || error.code !== "ERR_LIMIT") throw error;
      await loop.space();
      loop.push(event);
    }
  }
  await loop.idle();
}

/** The benchmark's own premise, tried one by one on the first events of a round. */
function checkEachChanges(loop: Loop<NodeTypes>, all: readonly ServiceIntent[]): void {
  for (const event of events(all, 400, 0)) {
    const { commit } = loop.step([{ ...event, at: START } as Event]);
    if (commit?.changes.services.size !== 1) throw new Error(`changes nothing: ${JSON.stringify(event)}`);
  }
}

async function measure(
  loop: Loop<NodeTypes>,
  services: number,
  some: readonly ServiceIntent[],
  count: number,
  round: number,
): Promise<Measured> {
  const list = events(some, count, round);
  let commits = 0;
  const unwatch = loop.watch(() => (commits += 1));
  const cpu = process.cpuUsage();
  const start = performance.now();
  await feed(loop, list);
  const ms = performance.now() - start;
  const used = process.cpuUsage(cpu);
  unwatch();
  const failing = loop.status().plugins.filter(({ state }) => state !== "ok");
  if (failing.length > 0) throw new Error(`plugins failed: ${JSON.stringify(failing)}`);
  return {
    services,
    changing: some.length,
    events: list.length,
    perSecond: (list.length / ms) * 1_000,
    cpuUs: (used.user + used.system) / list.length,
    commits,
    effects: [...loop.effects.desired()].length,
  };
}
