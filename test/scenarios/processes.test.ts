// What the simulation does with thousands of networks, with a few of real processes, sockets, TLS and disks: writers at every node,
// processes that are killed and stopped meanwhile, and at rest equal tables. Scenarios are named as in the reference of peering;
// the same names stand at the memory links of src/orchestrator/peering, where each is looked at alone.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { mesh, ProcessNetwork, type ProcessNode, ring, until } from "../kit/process-network.ts";

/** Every 3 s each session says that it lives. */
const KEEPALIVE_MS = 3_000;
const WRITE_MS = 50;
/** Services of each node that stay. */
const STABLE = 10;

async function network(t: TestContext, links: ProcessNetwork["links"]) {
  const names = Array.from({ length: 1 + Math.max(...links.flat()) }, (_, at) => `n${at}`);
  const started = await ProcessNetwork.start(names, links);
  t.after(() => started.stop());
  const node = (at: number): ProcessNode => {
    const found = started.nodes[at];
    assert.ok(found !== undefined);
    return found;
  };
  return { started, node };
}

/** Every node knows the same names of the same origins. */
async function equal({ nodes, counts }: { nodes: readonly ProcessNode[]; counts: ProcessNetwork["counts"] }) {
  let tables: string[] = [];
  await until(`tables of ${nodes.length} are equal`, async () => {
    tables = (await counts()).map(({ table }) => JSON.stringify(table.toSorted()));
    return new Set(tables).size === 1;
  });
  return JSON.parse(tables[0] ?? "[]") as readonly (readonly [name: string, origin: string])[];
}

/** What a node last said of its session with another one. */
const lastWord = (node: ProcessNode, peer: ProcessNode): string | undefined =>
  node.sessions.findLast(({ peer: full, what }) => full === peer.full && /^peer\.(synced|down)$/.test(what))
    ?.what;

/** No session is left that hangs: each end says of each that all is told. */
async function synced(started: ProcessNetwork): Promise<void> {
  await until("both ends of all sessions are synced", () =>
    started.nodes.every((node) =>
      started.peersOf(node).every((peer) => lastWord(node, peer) === "peer.synced"),
    ),
  );
}

async function again(started: ProcessNetwork, node: ProcessNode): Promise<void> {
  await node.start();
  started.join(node);
  for (const peer of started.peersOf(node)) peer.say({ do: "peer", node: node.full, port: node.port });
}

test("write-across-keepalive, kill-any-process, slow-peer-stopped: a ring of four", async (t) => {
  const { started, node } = await network(t, ring(4));
  const [killed, stopped] = [node(1), node(3)];
  const stable = ({ name }: ProcessNode, count = STABLE): string[] =>
    Array.from({ length: count }, (_, at) => `${name}-s${at}`);
  for (const each of started.nodes) each.say({ do: "offer", names: stable(each) });
  for (const each of started.nodes) each.say({ do: "write", everyMs: WRITE_MS });
  await sleep(700);
  const before = await killed.count();
  await killed.kill();
  stopped.signal("SIGSTOP");
  await sleep(600);
  // However long it takes to start: who is stopped goes on before anybody gives it up.
  const back = again(started, killed);
  await sleep(1_400);
  stopped.signal("SIGCONT");
  await back;
  // It comes back with less, and its peers have no other word for it than the end of its table.
  killed.say({ do: "offer", names: stable(killed, 5) });
  killed.say({ do: "write", everyMs: WRITE_MS });
  await sleep(KEEPALIVE_MS - 1_500);
  for (const each of started.nodes) each.say({ do: "write" });
  await synced(started);
  const table = await equal({ nodes: started.nodes, counts: () => started.counts() });
  assert.deepEqual(
    table.flatMap(([name]) => (name.includes("-s") ? [name] : [])).toSorted(),
    started.nodes.flatMap((each) => stable(each, each === killed ? 5 : STABLE)).toSorted(),
  );
  assert.deepEqual(
    table.filter(([name, origin]) => !origin.startsWith(`${name.split("-")[0] ?? ""}.`)),
    [],
    "each name is its origin's",
  );
  // What is told: each change once in each direction of each link, and the tables of the sessions that were made anew.
  const counts = [...(await started.counts()), before];
  const sum = (of: "told" | "written"): number => counts.reduce((total, count) => total + count[of], 0);
  const [changes, links] = [sum("written"), started.links.length];
  assert.ok(changes > 100, `${changes} changes`);
  const most = 2 * links * (changes + 4 * 40);
  assert.ok(sum("told") <= most, `${sum("told")} messages for ${changes} changes, at most ${most}`);
  const downs = started.nodes.flatMap(({ name, sessions }) =>
    sessions.filter(({ what }) => what === "peer.down").map(({ peer }) => `${name} lost ${peer}`),
  );
  const expected = started.peersOf(killed).map(({ name }) => `${name} lost ${killed.full}`);
  assert.deepEqual(downs.toSorted(), expected.toSorted(), "nobody lost another session");
});

test("triangle-first-route, alternate-takes-over, session-break-redial: a triangle", async (t) => {
  const { started, node } = await network(t, mesh(3));
  const [a, b, c] = [node(0), node(1), node(2)];
  const via = (at: ProcessNode, name: string): string | undefined => at.table.get(name);
  a.say({ do: "offer", names: ["first"] });
  await until("all know it", () => [b, c].every((each) => via(each, "first") === a.full));
  a.say({ do: "offer", names: ["shared"] });
  await until("all know that one too", () => [b, c].every((each) => via(each, "shared") === a.full));
  // To b its own healthy service is the best, so it tells that one, no longer a's.
  b.say({ do: "offer", names: ["shared"] });
  await until("c holds both", () => isDeepStrictEqual(c.origins.get("shared"), [a.full, b.full]));
  assert.equal(via(c, "shared"), a.full);
  const since = c.routes.length;
  await a.kill();
  await until("the other path is used", () => via(c, "shared") === b.full);
  const seen = c.routes.slice(since).flatMap(({ changes }) => changes.filter(([name]) => name === "shared"));
  const behind = "never without a path; that of a stays behind it, stale, for a may only restart";
  assert.deepEqual(seen, [["shared", b.full, [b.full, a.full]]], behind);
  await again(started, a);
  a.say({ do: "offer", names: ["late"] });
  await synced(started);
  await until("what is new is known, what is no more is not", () =>
    [b, c].every((each) => via(each, "late") === a.full && via(each, "first") === undefined),
  );
  await equal({ nodes: started.nodes, counts: () => started.counts() });
});
