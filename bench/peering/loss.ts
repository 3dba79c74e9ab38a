// Nodes that are lost: one that hangs (SIGSTOP) while the others write, and one that is killed (-9) and started again with what it had
// on disk. Told are how soon the others know, what it costs them, and when its routes are back.
//   npm run bench -- peering loss [--rounds N]

import { setTimeout as sleep } from "node:timers/promises";
import { type ProcessNode, mesh, monotonic, ProcessNetwork, until } from "../../test/kit/process-network.ts";

const MIB = 1024 * 1024;
const SERVICES = 100;
/** The hold time of nodes of one organization, and some more. */
const HUNG_MS = 15_000;
const WARM_MS = 20_000;

export async function loss(args: readonly string[]): Promise<void> {
  const at = args.indexOf("--rounds");
  const rounds = at < 0 ? 3 : Number(args[at + 1]);
  for (let i = 0; i < rounds; i++) await hung();
  for (let i = 0; i < rounds; i++) await killed();
}

async function start(): Promise<{
  network: ProcessNetwork;
  lost: ProcessNode;
  others: readonly ProcessNode[];
}> {
  const network = await ProcessNetwork.start(["n0", "n1", "n2", "n3"], mesh(4));
  const [lost, ...others] = network.nodes;
  if (lost === undefined) throw new Error("there is no node");
  for (const node of network.nodes) {
    node.say({ do: "offer", names: Array.from({ length: SERVICES }, (_, i) => `${node.name}-s${i}`) });
  }
  await until("all know all", () => network.nodes.every(({ table }) => table.size === SERVICES * 4));
  return { network, lost, others };
}

async function hung(): Promise<void> {
  const { network, lost, others } = await start();
  try {
    for (const node of others) node.say({ do: "write", everyMs: 20 });
    // Heaps grow while they warm up; that is no cost of the loss.
    await sleep(WARM_MS);
    const usual = await grown(others);
    const since = monotonic();
    lost.signal("SIGSTOP");
    const more = await grown(others);
    for (const node of others) node.say({ do: "write" });
    const equal = async (): Promise<boolean> => {
      const tables = await Promise.all(others.map(async (node) => (await node.count()).table));
      return new Set(tables.map((table) => JSON.stringify(table.toSorted()))).size === 1;
    };
    await until("the others agree", equal);
    const noticed = others.map(({ sessions }) => {
      const down = sessions.find((s) => s.what === "peer.down" && s.peer === lost.full && s.at >= since);
      return down === undefined ? "never" : `${((down.at - since) / 1_000).toFixed(2)} s`;
    });
    const again = monotonic();
    lost.signal("SIGCONT");
    await until("the one that hung has all again", () => lost.table.size === others[0]?.table.size);
    console.log(
      `hangs: noticed after ${noticed.join(", ")}; the others grow by ${more} MiB, by ${usual} MiB in as ` +
        `long a time before; it goes on: has all again after ${(monotonic() - again).toFixed(0)} ms`,
    );
  } finally {
    await network.stop();
  }
}

/** What the processes grow by in `HUNG_MS`. */
async function grown(nodes: readonly ProcessNode[]): Promise<string> {
  const rss = async (): Promise<number[]> =>
    await Promise.all(nodes.map(async (node) => (await node.count()).rss));
  const before = await rss();
  await sleep(HUNG_MS);
  const after = await rss();
  return after.map((now, i) => ((now - (before[i] ?? now)) / MIB).toFixed(1)).join(" ");
}

async function killed(): Promise<void> {
  const { network, lost, others } = await start();
  try {
    const since = monotonic();
    await lost.kill();
    await until("the others know", () =>
      others.every(({ sessions }) =>
        sessions.some(({ what, peer, at }) => what === "peer.down" && peer === lost.full && at >= since),
      ),
    );
    await sleep(500);
    await lost.start();
    const up = monotonic();
    network.join(lost);
    for (const other of others) other.say({ do: "peer", node: lost.full, port: lost.port });
    lost.say({ do: "offer", names: Array.from({ length: SERVICES }, (_, i) => `${lost.name}-s${i}`) });
    await until("it knows all", () => lost.table.size === SERVICES * 4);
    const knows = monotonic() - up;
    const synced = (node: ProcessNode): number =>
      node.sessions.find(({ what, peer, at }) => what === "peer.synced" && peer === lost.full && at > since)
        ?.at ?? 0;
    await until("the others are in step with it", () => others.every((node) => synced(node) > 0));
    const back = Math.max(...others.map(synced)) - up;
    await sleep(500);
    const flapped = others.flatMap(({ routes }) =>
      routes
        .filter(({ at }) => at >= since)
        .flatMap(({ changes }) =>
          changes.filter(([name, via]) => !name.startsWith(`${lost.name}-`) && via === undefined),
        ),
    );
    console.log(
      `killed and started again: it knows all after ${knows.toFixed(0)} ms, the others are in step with it ` +
        `after ${back.toFixed(0)} ms; routes of others that went meanwhile: ${flapped.length}`,
    );
  } finally {
    await network.stop();
  }
}
