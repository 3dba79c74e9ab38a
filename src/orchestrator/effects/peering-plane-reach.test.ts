import assert from "node:assert/strict";
import { test } from "node:test";
import { VirtualClock } from "../../../test/kit/virtual-clock.ts";
import { Reach } from "./peering-plane-reach.ts";

const [A, B] = ["edge1.globex.test", "edge2.globex.test"];
type Said = "up" | "down" | "pending";

/** As Envoy writes it: what is false or 0 is left out. */
const cluster = (name: string, ...hosts: readonly Said[]) => ({
  name,
  host_statuses: hosts.map((said, priority) => ({
    ...(priority === 0 ? {} : { priority }),
    health_status: {
      eds_health_status: "HEALTHY",
      ...(said === "down" ? { failed_outlier_check: true } : {}),
      ...(said === "pending" ? { failed_active_health_check: true, pending_active_hc: true } : {}),
    },
  })),
});

function world() {
  const clock = new VirtualClock();
  const told: string[] = [];
  let answer: () => { status: number; body: string } = () => ({ status: 200, body: "{}" });
  const asked: string[] = [];
  const reach = new Reach({
    clock,
    ask: async (path) => (asked.push(path), answer()),
    tell: (peer, health) => void told.push(`${peer} ${health}`),
  });
  reach.start();
  const say = async (seconds: number, ...clusters: readonly object[]) => {
    answer = () => ({ status: 200, body: JSON.stringify({ cluster_statuses: clusters }) });
    await clock.advance(seconds * 1_000);
    return told.splice(0);
  };
  const fail = async (seconds: number) => {
    answer = () => {
      throw new Error("no Envoy");
    };
    await clock.advance(seconds * 1_000);
    return told.splice(0);
  };
  return { reach, say, fail, asked, clock };
}

test("each peer is what our Envoy sees of it, once that holds for some time", async () => {
  const { say, asked } = world();
  const two = `paths:${A},${B}`;
  assert.deepEqual(await say(1, cluster(two, "up", "pending")), [`${A} up`]);
  assert.deepEqual(await say(1, cluster(two, "up", "down")), []);
  assert.deepEqual(await say(1, cluster(two, "up", "down")), [`${B} down`]);
  assert.deepEqual(await say(1, cluster(two, "down", "up")), []);
  assert.deepEqual(await say(1, cluster(two, "up", "up")), [], "once away is not down");
  assert.deepEqual(await say(1, cluster(two, "up", "up")), [`${B} up`]);
  // One way is enough, whatever another says.
  assert.deepEqual(await say(5, cluster(`paths:${A}`, "down"), cluster(two, "up", "up")), []);
  assert.deepEqual(await say(2, cluster("svc:other", "down"), cluster(two, "down", "up")), [`${A} down`]);
  assert.match(asked[0] ?? "", /^\/clusters\?format=json&filter=/);
});

test("what is asked no more, or not answered, is not called dead", async () => {
  const { say, fail, reach, clock } = world();
  assert.deepEqual(await say(2, cluster(`paths:${A}`, "down")), [`${A} down`]);
  assert.deepEqual(await fail(30), [], "the own Envoy says nothing of peers by being away");
  assert.deepEqual(await say(9), []);
  assert.deepEqual(await say(1), [`${A} unknown`]);
  assert.deepEqual(await say(20), []);
  reach.stop();
  assert.deepEqual(clock.waiting, []);
});
