// A whole table in one go: told, decided, passed on and taken back in time that grows with its routes and no faster. Scenario
// `table-10k-in-one-update`: with arrays in place of indexes it took seconds. Only processor time is compared, of one size with
// another; a loaded machine changes both.

import assert from "node:assert/strict";
import { test } from "node:test";
import { A, B, C, Network } from "../../../test/kit/peer-network.ts";
import type { PeerNode } from "../../../test/kit/peer-node.ts";
import { intent } from "../../../test/kit/node-loop.ts";
import { settle } from "../../../test/kit/virtual-clock.ts";

const URL = "http://127.0.0.1:5001";
const LIMITS = { routes: 20_000, rate: 200_000, bytes: 1 << 26, pathLength: 16 };
const nameOf = (at: number): string => `s${at}.acme.test`;

/** Own services, all up, without a word between. */
async function offer(node: PeerNode, count: number): Promise<void> {
  for (let at = 0; at < count; at++) {
    const name = nameOf(at);
    const labels = { at: String(at) };
    node.loop.push({
      kind: "service.add",
      intent: intent(name, { export: true, endpoints: [URL], labels }),
    });
    node.loop.push({ kind: "probe.result", service: name, endpoint: URL, ok: true });
    if (at % 1_000 === 999) await settle();
  }
  await settle();
}

/** Processor time of each of three steps, in a line of three: the table is told, is taken back, is told once more. */
async function steps(count: number): Promise<readonly number[]> {
  const network = new Network();
  const [a, b, c] = [await network.node(A), await network.node(B), await network.node(C)];
  await network.join(b, c, { limits: LIMITS });
  await offer(a, count);
  const spent: number[] = [];
  const step = async (wanted: number, act: () => Promise<void>): Promise<void> => {
    const before = process.cpuUsage();
    const acted = act();
    for (let left = 600; left > 0 && c.loop.view.routes.names !== wanted; left--) await network.run(50);
    await acted;
    const { user, system } = process.cpuUsage(before);
    spent.push((user + system) / 1_000);
    assert.deepEqual(
      [b, c].map(({ loop }) => loop.view.routes.names),
      [wanted, wanted],
    );
  };
  await step(count, () => network.join(a, b, { limits: LIMITS }));
  assert.deepEqual(
    [c.best(nameOf(0)), c.best(nameOf(count - 1)), c.loop.view.routes.received(B)?.size],
    [[B], [B], count],
  );
  const last = c.loop.view.routes.best(nameOf(count - 1))?.[0];
  assert.deepEqual([last?.course.nodePath, last?.attributes.labels], [[B, A], { at: String(count - 1) }]);
  await step(0, () => a.peer(B, { adminDown: { reason: "test" }, limits: LIMITS }));
  await step(count, () => a.peer(B, { limits: LIMITS }));
  for (const node of [a, b, c]) assert.deepEqual(node.errors, []);
  assert.deepEqual([b.driver.report(A)?.repairs, c.driver.report(B)?.repairs], [0, 0]);
  return spent;
}

test("table-10k-in-one-update: four times the routes cost four times as much, not sixteen", async () => {
  // Compilers at work would make the small one dear.
  await steps(1_000);
  // A collection of garbage at the wrong time is no law of growth: one good try of three is enough.
  for (let left = 3, text = ""; ; left--) {
    assert.ok(left > 0, text);
    const small = await steps(2_500);
    const large = await steps(10_000);
    if (large.every((spent, at) => spent < 6 * (small[at] ?? 0))) return;
    text = `${small.map(Math.round).join(", ")} ms, then ${large.map(Math.round).join(", ")} ms`;
  }
});
