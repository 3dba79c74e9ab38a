// The route table alone, without sockets: what one learned route costs in processor time (parsed, checked, judged by rules, decided,
// journaled) and in memory (the table; the sums of what the peer told; what a group of peers is told), when every route has
// attributes of its own (a schema hash, two labels or six communities), and what a change of a best path costs. Frames hold 500
// routes, said as on the wire before it compresses them. Run: npm run bench -- routing [ROUTES]

import { peerSchema, sayFrame } from "#rpc";
import { detailsOf, ExportPolicy, ImportPolicy, type PeerTerms, RouteParser, RouteTable } from "#routing";
import { freshTerms, Inbox, originProblem, type Path } from "#routing";
import type { PeerDelta, Route, RouteDelta, Rule, Verdict } from "#routing";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Advertised } from "../../src/routing/advertised.ts";
import { UpdateGroup } from "../../src/routing/update-group.ts";

export const about = "the route table: processor time and memory of a learned route";

const OWN = { node: "edge1.acme.catalyst.internal", organization: "acme.catalyst.internal" };
const START = 1_700_000_000_000;
const FRAME = 500;
const { readFrame } = await peerSchema();
const ROUNDS = 5;

/** What the comparison with routing daemons of the internet uses: attributes that no two routes share. */
type Kind = "shared" | "schema" | "communities";

export async function run(args: readonly string[]): Promise<void> {
  const count = Number(args.find((arg) => /^\d+$/.test(arg)) ?? 100_000);
  const collect = collector();
  print([
    "routes",
    "attributes",
    "B table",
    "B told us",
    "B we tell",
    "B a route",
    "us parse",
    "us check+judge",
    "us learn+seal",
    "us all, CPU",
  ]);
  for (const kind of ["shared", "schema", "communities"] as const) {
    const frames = framesOf(count, kind, 1);
    let best: Round | undefined;
    for (let round = 0; round < ROUNDS; round++) {
      const one = load(frames, count, collect);
      if (best === undefined || one.all < best.all) best = one;
    }
    if (best === undefined) continue;
    const { bytes, parse, judge, learn, all } = best;
    const memory = memoryOf(frames, count, collect);
    const sum = bytes + memory.told + memory.tell;
    const us = [parse, judge, learn, all].map((each) => each.toFixed(2));
    print([count, kind, bytes, memory.told, memory.tell, sum, ...us]);
  }
  process.stdout.write("\n");
  churn(Math.min(count, 50_000));
  process.stdout.write(
    "\nTo reach: 500 B a learned route, received, best and advertised to one group of peers.\n",
  );
}

interface Round {
  readonly bytes: number;
  readonly parse: number;
  readonly judge: number;
  readonly learn: number;
  readonly all: number;
}

function peerOf(node: string): PeerTerms {
  const limits = { routes: 1_000_000, rate: 1_000_000, bytes: 1 << 30, pathLength: 16 };
  const organization = node.slice(node.indexOf(".") + 1);
  return freshTerms(
    { node, organization, kind: "external", role: "lateral", onLoss: "depreference", limits },
    "",
  );
}

/** A hundred rules about single names, and the one that lets the rest in. */
const RULES: readonly Rule[] = [
  ...Array.from({ length: 100 }, (_, i): Rule => ({
    match: { key: `no${i}.globex.catalyst.internal` },
    action: "reject",
  })),
  { match: { key: "*.globex.catalyst.internal" }, action: "accept", set: { localPreference: 210 } },
];

function load(frames: readonly string[], count: number, collect: () => void): Round {
  const terms = peerOf("edge1.globex.catalyst.internal");
  const parser = new RouteParser();
  const policy = new ImportPolicy(RULES, terms);
  const table = new RouteTable(OWN.organization);
  table.apply({ kind: "peer.set", terms });
  table.seal();
  collect();
  const before = process.memoryUsage().heapUsed;
  const spent = { parse: 0, judge: 0, learn: 0 };
  const cpu = process.cpuUsage();
  let seen = 0;
  for (const frame of frames) {
    const t0 = performance.now();
    const parsed = claimsIn(frame).map((claim) => parser.parse(claim));
    const t1 = performance.now();
    const deltas: RouteDelta[] = [];
    for (const one of parsed) {
      if (!one.ok) throw new Error(`refused: ${one.problem.text}`);
      const { route } = one;
      const problem = originProblem(route, terms, OWN, START);
      if (problem !== undefined) throw new Error(problem.text);
      deltas.push({ kind: "route.learn", peer: terms.node, route, verdict: policy.judge(route) });
    }
    const t2 = performance.now();
    for (const delta of deltas) table.apply(delta);
    seen += table.seal().routes.size;
    const t3 = performance.now();
    spent.parse += t1 - t0;
    spent.judge += t2 - t1;
    spent.learn += t3 - t2;
  }
  const used = process.cpuUsage(cpu);
  if (seen !== count || table.names !== count) throw new Error(`${seen} changes, ${table.names} names`);
  collect();
  const bytes = Math.round((process.memoryUsage().heapUsed - before) / count);
  const us = (ms: number) => (ms * 1_000) / count;
  // The table must outlive the collection before.
  if (table.best("s0.globex.catalyst.internal") === undefined) throw new Error("lost");
  return {
    bytes,
    parse: us(spent.parse),
    judge: us(spent.judge),
    learn: us(spent.learn),
    all: (used.user + used.system) / count,
  };
}

/** What a session adds for each route: the sums of what the peer told, and what one group of peers is told of it. */
function memoryOf(
  frames: readonly string[],
  count: number,
  collect: () => void,
): { readonly told: number; readonly tell: number } {
  const terms = peerOf("edge1.globex.catalyst.internal");
  const parser = new RouteParser();
  const table = new RouteTable(OWN.organization);
  table.apply({ kind: "peer.set", terms });
  for (const frame of frames) {
    for (const claim of claimsIn(frame)) {
      const one = parser.parse(claim);
      if (!one.ok) throw new Error(`refused: ${one.problem.text}`);
      table.apply({ kind: "route.learn", peer: terms.node, route: one.route, verdict: VERDICT });
    }
    table.seal();
  }
  const inbox = new Inbox(OWN.node, terms.limits);
  // The names are those of the table, as they are in a node.
  const keys = [...table.keys()];
  const before = heap(collect);
  const routes = function* () {
    for (const key of keys) yield routeAt(table, key).route();
  };
  inbox.restore(routes(), undefined);
  const told = heap(collect) - before;
  const peer = peerOf("edge2.acme.catalyst.internal");
  const policy = new ExportPolicy(
    [{ match: { key: "*" }, action: "accept", set: { scope: "transitive" } }],
    { ...peer, kind: "internal", role: "internal", organization: OWN.organization },
    { ...OWN, address: "edge1.acme.example:10443" },
  );
  const tellOf = (path: Path) => {
    const decision = policy.decide(path);
    return decision.send ? decision.route : undefined;
  };
  const group = new UpdateGroup(OWN.organization, new Advertised<Path>(OWN.organization, tellOf));
  group.join(peer.node, OWN.organization, "1", undefined);
  for (const key of keys) {
    const path = routeAt(table, key);
    const route = tellOf(path);
    if (route !== undefined) group.advertise(path, route);
  }
  for (let sent = group.drain(peer.node); sent.length > 0; sent = group.drain(peer.node)) {
    const last = sent.at(-1);
    if (last?.kind === "frame") group.ack(peer.node, last.seq, 8);
  }
  const tell = heap(collect) - before - told;
  if (inbox.routes !== count || group.table.routes !== count) throw new Error("not all are told");
  return { told: Math.round(told / count), tell: Math.round(tell / count) };
}

function routeAt(table: RouteTable, key: string): Path {
  const path = table.candidates(key)[0];
  if (path === undefined) throw new Error(`no path to ${key}`);
  return path;
}

function heap(collect: () => void): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function routeOf(i: number, kind: Kind, seq: number, peer = "edge1.globex.catalyst.internal"): Route {
  const origin = `node${i % 20}.globex.catalyst.internal`;
  return {
    key: `s${i}.globex.catalyst.internal`,
    protocol: "http:graphql",
    origin,
    version: { epoch: START, seq },
    orgPath: ["globex.catalyst.internal"],
    nodePath: [peer, origin],
    nextHop: peer,
    nextHopAddress: "edge1.globex.example:10443",
    scope: "direct",
    cost: 0,
    notAfter: START + 80_000_000 + i,
    health: "up",
    details: detailsOf({
      communities:
        kind === "communities" ? Array.from({ length: 6 }, (_, n) => `globex:${i * 7 + n}-${n}`) : [],
      ...(kind === "schema"
        ? { schema: hashOf(i), labels: { version: `1.${i}`, team: `team-${i % 977}` } }
        : {}),
    }),
  };
}

const hashOf = (i: number) => `${i.toString(36)}Q8w3ErTyUiOpAsDfGhJkLzXcVbNmQwErTyUiOpAsDfGhJk`.slice(0, 43);

function framesOf(count: number, kind: Kind, seq: number): string[] {
  const frames: string[] = [];
  for (let at = 0; at < count; at += FRAME) {
    const length = Math.min(FRAME, count - at);
    const advertise = Array.from({ length }, (_, i) => routeOf(at + i, kind, seq));
    frames.push(JSON.stringify(sayFrame({ kind: "update", withdraw: [], advertise })));
  }
  return frames;
}

function claimsIn(frame: string): readonly unknown[] {
  const value = JSON.parse(frame) as { readonly advertise: readonly unknown[] };
  const read = readFrame(value, { routes: value.advertise.length });
  if (!read.ok || read.frame.kind !== "update") throw new Error("the frame is refused");
  return read.frame.advertise;
}

const VERDICT: Verdict = { accept: true, reason: "accepted" };

/** Three peers tell every name; the best path leaves and comes back. */
function churn(count: number): void {
  const table = new RouteTable(OWN.organization);
  const peers = ["edge1", "edge2", "edge3"].map((name) => `${name}.globex.catalyst.internal`);
  for (const node of peers) table.apply({ kind: "peer.set", terms: peerOf(node) });
  const learn = (i: number, node: string): RouteDelta => ({
    kind: "route.learn",
    peer: node,
    route: routeOf(i, "shared", 1, node),
    verdict: VERDICT,
  });
  for (let i = 0; i < count; i++) for (const node of peers) table.apply(learn(i, node));
  table.seal();
  const [first = ""] = peers;
  print(["paths", "work", "us CPU each"]);
  const keys = [...table.keys()];
  const again = keys.map((_, i) => learn(i, first));
  timed(
    `best of ${peers.length} leaves`,
    keys.map((key): RouteDelta => ({ kind: "route.unlearn", peer: first, key })),
    table,
  );
  timed("best comes back", again, table);
  timed("the same is told again", again, table);
  table.apply({ kind: "peer.set", terms: { ...peerOf(first), generation: 1 } });
  const walk: RouteDelta[] = Array.from({ length: Math.ceil(count / 5_000) }, () => ({
    kind: "route.walk",
    peer: first,
    most: 5_000,
  }));
  timed("session lost: a stale path behind its alternates", walk, table, count);
  const sweep = walk.map((): RouteDelta => ({ kind: "route.sweep", peer: first, most: 5_000 }));
  timed("swept", sweep, table, count);
}

function timed(
  work: string,
  deltas: readonly (PeerDelta | RouteDelta)[],
  table: RouteTable,
  count = deltas.length,
): void {
  const cpu = process.cpuUsage();
  deltas.forEach((delta, i) => {
    table.apply(delta);
    if (i % FRAME === FRAME - 1 || deltas.length < FRAME) table.seal();
  });
  table.seal();
  const { user, system } = process.cpuUsage(cpu);
  print([count, work, ((user + system) / count).toFixed(2)]);
}

const print = (cells: readonly (string | number)[]) =>
  process.stdout.write(`${cells.map((cell) => String(cell).padStart(14)).join("  ")}\n`);

function collector(): () => void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  return () => {
    for (let i = 0; i < 3; i++) collect();
  };
}
