// How changes travel through networks of real processes: one route over three nodes, a thousand over four, writers at every node of a
// ring, a clique and a random network, an alternate that takes over.
//   npm run bench -- peering changes [--rounds N] [--seconds N]

import { setTimeout as sleep } from "node:timers/promises";
import {
  type ProcessNode,
  line,
  mesh,
  monotonic,
  ProcessNetwork,
  random,
  ring,
  until,
} from "../../test/kit/process-network.ts";
import { percentiles } from "../percentiles.ts";

const MANY = 1_000;
const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `n${i}`);

export async function changes(args: readonly string[]): Promise<void> {
  const number = (flag: string, otherwise: number): number => {
    const at = args.indexOf(flag);
    return at < 0 ? otherwise : Number(args[at + 1]);
  };
  await update(number("--rounds", 300));
  await bulk();
  await alternate(number("--rounds", 300) / 10);
  const seconds = number("--seconds", 20);
  await churn("ring of 8", ring(8), seconds);
  await churn("clique of 8", mesh(8), seconds);
  await churn("random, 8 nodes", random(8, 1), seconds);
  await withdrawal();
}

/** When a node's table first showed the name so, at or after a time. */
function shown(node: ProcessNode, name: string, there: boolean, since: number): number | undefined {
  for (let i = node.routes.length - 1; i >= 0; i--) {
    const news = node.routes[i];
    if (news === undefined || news.at < since) return undefined;
    if (news.changes.some(([key, via]) => key === name && (via !== undefined) === there)) return news.at;
  }
  return undefined;
}

const at = <T>(list: readonly T[], i: number): T => {
  const found = list[i];
  if (found === undefined) throw new Error(`there is no ${i} of ${list.length}`);
  return found;
};

async function update(rounds: number): Promise<void> {
  const network = await ProcessNetwork.start(names(3), line(3));
  const [a, c] = [at(network.nodes, 0), at(network.nodes, 2)];
  const times: number[] = [];
  try {
    for (let i = 0; i < rounds; i++) {
      for (const there of [true, false]) {
        const since = monotonic();
        a.say({ do: there ? "offer" : "take", names: ["one"] });
        await until("the route reaches C", () => shown(c, "one", there, since) !== undefined);
        const [from, to] = [shown(a, "one", there, since), shown(c, "one", there, since)];
        if (from !== undefined && to !== undefined) times.push(to - from);
        await sleep(10 + (i % 7) * 3);
      }
    }
    console.log(`update A to B to C, from A's commit to C's:   ${percentiles(times)}`);
  } finally {
    await network.stop();
  }
}

async function bulk(): Promise<void> {
  const network = await ProcessNetwork.start(names(4), line(4));
  const [a, d] = [at(network.nodes, 0), at(network.nodes, 3)];
  try {
    const since = monotonic();
    a.say({ do: "offer", names: Array.from({ length: MANY }, (_, i) => `s${i}`) });
    await until("all routes reach the last node", () => d.table.size >= MANY);
    const last = at(d.routes, d.routes.length - 1).at;
    console.log(`${MANY} routes over three hops:                  ${(last - since).toFixed(0)} ms`);
  } finally {
    await network.stop();
  }
}

/** Two nodes offer one name to a third; the one it uses takes it back. */
async function alternate(rounds: number): Promise<void> {
  const network = await ProcessNetwork.start(names(3), ring(3));
  const c = at(network.nodes, 2);
  const times: number[] = [];
  try {
    for (let i = 0; i < rounds; i++) {
      for (const node of network.nodes.slice(0, 2)) node.say({ do: "offer", names: ["both"] });
      const two = async (): Promise<boolean> => (await c.count()).table.some(([name]) => name === "both");
      await until("C knows the name", two);
      await sleep(200);
      const used = network.nodes.find(({ full }) => full === c.table.get("both"));
      if (used === undefined) throw new Error("C reaches it by nobody");
      const since = monotonic();
      used.say({ do: "take", names: ["both"] });
      const moved = (): number | undefined =>
        c.routes.findLast(
          ({ at: then, changes: all }) => then > since && all.some(([name]) => name === "both"),
        )?.at;
      await until("C uses the other", () => moved() !== undefined && c.table.get("both") !== used.full);
      times.push(
        (moved() ?? 0) - (shown(used, "both", true, since) ?? shown(used, "both", false, since) ?? since),
      );
      for (const node of network.nodes.slice(0, 2)) node.say({ do: "take", names: ["both"] });
      await until("C forgets it", () => !c.table.has("both"));
    }
    console.log(`alternate takes over, from withdrawal on:     ${percentiles(times)}`);
  } finally {
    await network.stop();
  }
}

/** Everybody writes; then all tables must be equal, and show what each node last wrote. */
async function churn(what: string, links: ProcessNetwork["links"], seconds: number): Promise<void> {
  const network = await ProcessNetwork.start(names(8), links);
  try {
    const before = await network.counts();
    for (const node of network.nodes) node.say({ do: "write", everyMs: 50 });
    await sleep(seconds * 1_000);
    for (const node of network.nodes) node.say({ do: "write" });
    const since = monotonic();
    const same = async (): Promise<boolean> => {
      const tables = (await network.counts()).map(({ table }) => JSON.stringify(table.toSorted()));
      return new Set(tables).size === 1;
    };
    await until("all tables are equal", same);
    const restMs = monotonic() - since;
    const after = await network.counts();
    const sum = (counts: typeof after, of: "told" | "written"): number =>
      counts.reduce((total, count) => total + count[of], 0);
    const changed = sum(after, "written") - sum(before, "written");
    const perChange = (sum(after, "told") - sum(before, "told")) / changed;
    const lost = network.nodes.reduce(
      (n, { sessions }) => n + sessions.filter((s) => s.what === "peer.down").length,
      0,
    );
    console.log(
      `${what}, ${seconds} s of writers: ${changed} changes, equal after ${restMs.toFixed(0)} ms, ` +
        `${perChange.toFixed(1)} messages a change (2 x links = ${links.length * 2}), ${lost} sessions lost`,
    );
  } finally {
    await network.stop();
  }
}

async function withdrawal(): Promise<void> {
  const network = await ProcessNetwork.start(names(8), mesh(8));
  const origin = at(network.nodes, 0);
  try {
    const found: number[] = [];
    for (let i = 0; i < 10; i++) {
      origin.say({ do: "offer", names: ["one"] });
      await until("all know it", () => network.nodes.every(({ table }) => table.has("one")));
      await sleep(300);
      const before = await network.counts();
      origin.say({ do: "take", names: ["one"] });
      await until("all forgot it", () => network.nodes.every(({ table }) => !table.has("one")));
      await sleep(300);
      const after = await network.counts();
      found.push(after.reduce((sum, { told }, n) => sum + told - at(before, n).told, 0));
    }
    console.log(
      `clique of 8, the origin withdraws: ${Math.max(...found)} messages at most, of ${found.join(" ")}`,
    );
  } finally {
    await network.stop();
  }
}
